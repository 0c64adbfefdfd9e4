// A page's side of its session, over either transport.
import type { WarmBinding } from '../start-service.js'

/** What the warm API answers. */
export interface TalkBinding extends Required<WarmBinding> {
  /** How many requests may be under way. */
  readonly requests: number
}

export interface TalkEvents {
  /** Stanzas of the session have come, each once. */
  heard(stanzas: string): void
  /** The page has its session and can send. Called again after each break of a WebSocket. */
  ready(): void
  /**
   * The session has ended. `since` is when the page sent the request whose reply said so, or lost its WebSocket, in
   * milliseconds of `performance.now()`.
   */
  gone(why: string, since: number): void
  odd(what: string): void
}

export interface Talk {
  /** Sends a stanza, again if necessary, so that it arrives once. */
  say(stanza: string): void
  /** Closes the connections, but does not end the session. */
  drop(): void
}
