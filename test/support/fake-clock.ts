import type { Clock, Timer } from '../../src/lib/clock.js'

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = 0
  #due = new Map<Timer, { at: number; callback: () => void }>()

  get pending(): number {
    return this.#due.size
  }

  now(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): Timer {
    const timer = { cancel: () => void this.#due.delete(timer) }
    this.#due.set(timer, { at: this.#now + ms, callback })
    return timer
  }

  /** Moves on by `ms` milliseconds; calls back in order what becomes due, each at its own time. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      let next: Timer | undefined
      let at = Number.POSITIVE_INFINITY
      for (const [timer, due] of this.#due) {
        if (due.at <= until && due.at < at) {
          next = timer
          at = due.at
        }
      }
      if (next === undefined) break
      const { callback } = this.#due.get(next)!
      this.#due.delete(next)
      this.#now = Math.max(this.#now, at)
      callback()
    }
    this.#now = until
  }
}
