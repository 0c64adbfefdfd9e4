import type { SessionState } from '../sessions.js'

/** What a client is silent for: before its first request, at its own wish, or just so. */
export type SilenceKind = Extract<SessionState, 'waiting' | 'paused' | 'quiet'>

/** How long a session's client may be silent, and since when it is (XEP-0124 §10). */
export class Silence {
  #kind: SilenceKind = 'quiet'
  #seconds: number
  #since: number

  /** `seconds` is the time agreed on, `now` in milliseconds of the clock. */
  constructor(seconds: number, now: number) {
    this.#seconds = seconds
    this.#since = now
  }

  get kind(): SilenceKind {
    return this.#kind
  }

  /** When the last reply left or the last open request broke, in milliseconds of the clock. */
  get since(): number {
    return this.#since
  }

  /** When it has lasted too long, in milliseconds of the clock. */
  get end(): number {
    return this.#since + this.#seconds * 1000
  }

  /** Says how long it may be from now on, until it is said anew. */
  allow(kind: SilenceKind, seconds: number): void {
    this.#kind = kind
    this.#seconds = seconds
  }

  /** It begins, or begins again. */
  begin(now: number): void {
    this.#since = now
  }
}
