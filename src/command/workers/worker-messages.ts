// What the primary and its workers say to each other. Types, and the names of two variables.

/** What a worker is told. Each order is one that it may be told again. */
export type Order =
  /** Leave connections to the other workers, of which one has come in its place. */
  | { readonly order: 'retire' }
  /** Take no new sessions, and end once those that there are have ended, or their time is over. */
  | { readonly order: 'drain' }
  /** End now, in good order. */
  | { readonly order: 'stop' }
  /** Read the certificates again. */
  | { readonly order: 'reload' }
  /** Tell the metrics, under this number. */
  | { readonly order: 'metrics'; readonly question: number }

/** What a worker tells. */
export type Notice =
  /** It listens. */
  | { readonly notice: 'ready'; readonly urls: readonly string[] }
  /** It does not start, and ends. The sentence is for the operator, and has no secret. */
  | { readonly notice: 'failed'; readonly sentence: string }
  /** A sign of life, and whether it takes new sessions; sent every second once it listens. */
  | { readonly notice: 'alive'; readonly isReady: boolean }
  | { readonly notice: 'metrics'; readonly question: number; readonly text: string }

/** The variable of the environment that tells a worker its number, from 1 on. */
export const numberVariable = 'CLUSTER_WORKER_NUMBER'

/** The variable that tells it the folder where the sockets of all workers lie. */
export const folderVariable = 'CLUSTER_SOCKETS_FOLDER'
