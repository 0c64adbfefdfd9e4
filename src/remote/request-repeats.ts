import type { Clock } from '../lib/clock.js'
import type { RemoteFault } from './remote-fault.js'

const pauses = [0, 250, 500, 1000, 2000, 4000]

const mostSeconds = 30

const heldAfter = 5000

/** Endpoints answer a repeated rid with the same reply (XEP-0124 §14.3). */
export class RequestRepeats {
  readonly #clock: Clock
  #count = 0
  #overdue = 0
  /** Start of a series of failures. A request that was held for 5 s ends the series. */
  #brokenAt = 0
  #sentAt: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get hasAny(): boolean {
    return this.#count > 0
  }

  sent(): void {
    this.#sentAt = this.#clock.now()
  }

  /**
   * Returns the pause in milliseconds, or undefined for no repeat. `inactivity` is in seconds, and undefined before the
   * session exists.
   */
  next({ failure, aftermath }: RemoteFault, inactivity: number | undefined): number | undefined {
    if (aftermath !== 'broke') return undefined
    // The creation of a session is repeated only once, because each repeat could open another session.
    if (inactivity === undefined) return failure.step === 'features' && this.#count++ === 0 ? 0 : undefined
    if (failure.code === 'timeout' && failure.step === 'features' && this.#overdue++ > 0) return undefined
    const now = this.#clock.now()
    const wasHeld = this.#sentAt !== undefined && now - this.#sentAt >= heldAfter
    this.#sentAt = undefined
    if (this.#count === 0 || wasHeld) {
      this.#count = 0
      this.#brokenAt = now
    }
    const pause = pauses[Math.min(this.#count++, pauses.length - 1)]!
    const until = this.#brokenAt + Math.min(inactivity, mostSeconds) * 1000
    return now + pause < until ? pause : undefined
  }
}
