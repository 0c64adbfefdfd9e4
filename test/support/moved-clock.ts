import { type Clock, systemClock, type Timer } from '../../src/lib/clock.js'

/** The system's clock, which a test can move forward: `now` changes at once, but timers do not fire earlier. */
export class MovedClock implements Clock {
  #ahead = 0

  now(): number {
    return systemClock.now() + this.#ahead
  }

  after(ms: number, callback: () => void): Timer {
    return systemClock.after(ms, callback)
  }

  /** Moves on by `ms` milliseconds. */
  advance(ms: number): void {
    this.#ahead += ms
  }
}
