// A page's side of its session, over either transport.
import type { WarmBinding } from '../start-service.js'

export type TalkBinding = WarmBinding & Required<Pick<WarmBinding, 'websocket'>>

/** Between a page and the service. Times are in milliseconds. */
export interface Network {
  /** How long a page waits after its connection broke. */
  readonly again: number
  /** How long a page over WebSocket waits for an answer. */
  readonly patience: number
  /** How long a connection lives at most. `failures`: how often the same request has failed. */
  readonly lifetime: (failures: number) => number
}

export const goodNetwork: Network = { again: 200, patience: 4_000, lifetime: () => Number.POSITIVE_INFINITY }

export interface TalkEvents {
  /** Stanzas of the session have come, each once. */
  heard(stanzas: string): void
  /** The page has its session and can send. Called again after each break of a WebSocket. */
  ready(): void
  gone(why: string): void
  odd(what: string): void
}
