import { type Clock, systemClock, type Timer } from '../../src/lib/clock.js'

/** The system's clock, which a test can move on together with all that waits for its time. */
export class SteppedClock implements Clock {
  #ahead = 0
  readonly #waiting = new Map<Timer, { readonly at: number; readonly run: () => void }>()

  /** Number of callbacks that are still to come. */
  get pending(): number {
    return this.#waiting.size
  }

  now(): number {
    return systemClock.now() + this.#ahead
  }

  after(ms: number, callback: () => void): Timer {
    const run = () => {
      timer.cancel()
      callback()
    }
    const underlying = systemClock.after(ms, run)
    const timer: Timer = {
      cancel: () => {
        this.#waiting.delete(timer)
        underlying.cancel()
      },
    }
    this.#waiting.set(timer, { at: this.now() + ms, run })
    return timer
  }

  /** Moves forward by `ms` milliseconds. Calls back what is due by then, in order. */
  advance(ms: number): void {
    this.#ahead += ms
    const due = [...this.#waiting].filter(([, { at }]) => at <= this.now()).sort(([, a], [, b]) => a.at - b.at)
    for (const [timer, { run }] of due) if (this.#waiting.has(timer)) run()
  }
}
