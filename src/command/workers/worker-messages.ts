import type { Environment } from '../../config/settings.js'

export type Order =
  /** A newer worker now accepts the new connections. */
  | { readonly order: 'retire' }
  /** The worker ends when sessions that cannot be moved have ended, or after DRAIN_TIME. */
  | { readonly order: 'drain' }
  | { readonly order: 'stop' }
  /** The answer to `leave`: no connection is on its way to the worker. */
  | { readonly order: 'left' }
  | { readonly order: 'reopen' }
  | (Question & { readonly number: number })

export type Question =
  /** The primary has checked `environment`, which contains secrets. The answer: whether the reload succeeded. */
  | { readonly order: 'reload'; readonly environment: Environment }
  /** The answer: `Metrics`. */
  | { readonly order: 'metrics' }

export type Notice =
  | { readonly notice: 'ready'; readonly urls: readonly string[] }
  /** `sentence` contains no secret. */
  | { readonly notice: 'failed'; readonly sentence: string }
  | { readonly notice: 'leave' }
  | { readonly notice: 'alive'; readonly isReady: boolean }
  | { readonly notice: 'answer'; readonly number: number; readonly answer: unknown }

export const numberVariable = 'CLUSTER_WORKER_NUMBER'

/** Activated sockets as JSON, with the primary's descriptors. */
export const socketsVariable = 'CLUSTER_ACTIVATED_SOCKETS'

export const folderVariable = 'CLUSTER_SOCKETS_FOLDER'
