import type { Environment } from '../../config/settings.js'

export type Order =
  /** The worker ends when sessions that cannot be moved have ended, or after DRAIN_TIME. */
  | { readonly order: 'drain' }
  /** A drain without new connections, because a newer worker accepts them. */
  | { readonly order: 'retire' }
  | { readonly order: 'stop' }
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
  | { readonly notice: 'alive'; readonly isReady: boolean }
  | { readonly notice: 'answer'; readonly number: number; readonly answer: unknown }

/** What a worker is told in `startVariable`, as JSON. */
export interface WorkerStart {
  readonly worker: number
  readonly folder: string
  /** Activated sockets, with the primary's descriptors. */
  readonly sockets: readonly (readonly [address: string, descriptor: number])[]
}

export const startVariable = 'CLUSTER_WORKER_START'
