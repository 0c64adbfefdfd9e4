import type { Clock } from '../lib/clock.js'
import type { RemoteFault } from './fault.js'

/** Pauses before the repeats of a request, in milliseconds. The last one applies to all further repeats. */
const pauses = [0, 250, 500, 1000, 2000, 4000]

/** How long a request is repeated at most, in seconds, whatever the endpoint allows. */
const mostSeconds = 30

/** After so many milliseconds an open request counts as held by the endpoint. */
const heldAfter = 5000

/**
 * Decides when a request whose connection broke is repeated. An endpoint that has it already repeats its reply (XEP-0124 §14.3).
 */
export class Repeats {
  readonly #clock: Clock
  #count = 0
  #overdue = 0
  /** When it broke first, unless the endpoint has held it since. */
  #brokenAt = 0
  #leftAt: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it has been sent more than once. */
  get areAny(): boolean {
    return this.#count > 0
  }

  left(): void {
    this.#leftAt = this.#clock.now()
  }

  /**
   * The pause before the next repeat, in milliseconds; undefined if there is none. `inactivity` is how long the endpoint keeps a
   * session that has no request open, in seconds; undefined before there is a session.
   */
  next({ failure, aftermath }: RemoteFault, inactivity: number | undefined): number | undefined {
    if (aftermath !== 'broke') return undefined
    // The repeat could create a second session, and leave the first one behind.
    if (inactivity === undefined) return failure.step === 'features' && this.#count++ === 0 ? 0 : undefined
    if (failure.code === 'timeout' && failure.step === 'features' && this.#overdue++ > 0) return undefined
    const now = this.#clock.now()
    const wasHeld = this.#leftAt !== undefined && now - this.#leftAt >= heldAfter
    this.#leftAt = undefined
    if (this.#count === 0 || wasHeld) {
      this.#count = 0
      this.#brokenAt = now
    }
    const pause = pauses[Math.min(this.#count++, pauses.length - 1)]!
    const until = this.#brokenAt + Math.min(inactivity, mostSeconds) * 1000
    return now + pause < until ? pause : undefined
  }
}
