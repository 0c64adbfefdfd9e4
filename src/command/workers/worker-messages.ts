export type Order =
  /** Leave new connections to the others: a replacement is running. */
  | { readonly order: 'retire' }
  /** End when all sessions have ended, or at the time limit. */
  | { readonly order: 'drain' }
  | { readonly order: 'stop' }
  | { readonly order: 'reload' }
  | { readonly order: 'metrics'; readonly question: number }

export type Notice =
  | { readonly notice: 'ready'; readonly urls: readonly string[] }
  /** The sentence contains no secret. */
  | { readonly notice: 'failed'; readonly sentence: string }
  /** Sent every second once the worker listens. */
  | { readonly notice: 'alive'; readonly isReady: boolean }
  | { readonly notice: 'metrics'; readonly question: number; readonly text: string }

/** From 1. */
export const numberVariable = 'CLUSTER_WORKER_NUMBER'

export const folderVariable = 'CLUSTER_SOCKETS_FOLDER'
