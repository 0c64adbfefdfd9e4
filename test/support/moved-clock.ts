import { type Clock, systemClock, type Timer } from '../../src/lib/clock.js'

/** The system's clock, which a test can move on: what goes by the time of day sees it at once, timers do not. */
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
