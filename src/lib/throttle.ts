import type { Clock } from './clock.js'

const interval = 60_000

/** For what may happen at any rate and is worth a line in the log once a minute. */
export class Throttle<Key = undefined> {
  readonly #clock: Pick<Clock, 'now'>
  /** When each was due last, in milliseconds of the clock. */
  readonly #last = new Map<Key, number>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Whether it is a minute since this last answered yes for the key. */
  isDue(key: Key): boolean {
    const now = this.#clock.now()
    if (now - (this.#last.get(key) ?? Number.NEGATIVE_INFINITY) < interval) return false
    this.#last.set(key, now)
    return true
  }
}
