import type { Clock } from '../lib/clock.js'
import type { RemoteFault } from './remote-fault.js'

const pauses = [0, 250, 500, 1000, 2000, 4000]

const mostSeconds = 30

const heldAfter = 5000

/** Endpoints answer a repeated request again (XEP-0124 §14.3). */
export class Repeats {
  readonly #clock: Clock
  #count = 0
  #overdue = 0
  /** Time of the first break after the endpoint had held the request. */
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

  /** Returns the pause in milliseconds. `inactivity` is in seconds, undefined before there is a session. */
  next({ failure, aftermath }: RemoteFault, inactivity: number | undefined): number | undefined {
    if (aftermath !== 'broke') return undefined
    // Repeating the creation could leave a second session.
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
