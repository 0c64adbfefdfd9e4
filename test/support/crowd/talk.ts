// A page's side of its session, over either transport.
import type { WarmBinding } from '../start-service.js'

export type TalkBinding = WarmBinding & Required<Pick<WarmBinding, 'websocket'>>

export interface TalkEvents {
  /** Stanzas of the session have come, each once. */
  heard(stanzas: string): void
  /** The page has its session and can send. Called again after each break of a WebSocket. */
  ready(): void
  gone(why: string): void
  odd(what: string): void
}
