import type { SessionState } from './sessions.js'

/** Why nothing is open: the client has yet to come, has asked for a pause, or is between two requests. */
export type InactivityKind = Extract<SessionState, 'waiting' | 'paused' | 'quiet'>

/** How long a session's client may have nothing open, and since when it has not (XEP-0124 §10). */
export class Inactivity {
  /** Why nothing is open, if nothing is. */
  kind: InactivityKind = 'quiet'
  #seconds = 0

  /** `since` is when the last reply left or the last open request broke, in milliseconds of the clock. */
  constructor(public since: number) {}

  /** When it has lasted too long, in milliseconds of the clock. */
  get end(): number {
    return this.since + this.#seconds * 1000
  }

  /** Says how long it may be from now on, in seconds, until it is said anew. */
  allow(kind: InactivityKind, seconds: number): void {
    this.kind = kind
    this.#seconds = seconds
  }

  /** It begins, or begins again. */
  begin(now: number): void {
    this.since = now
  }
}
