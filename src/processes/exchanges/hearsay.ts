import type { Clock } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'

/** For how long it is believed that there is a process which another one knows, in milliseconds: it is told again each second. */
const believedMilliseconds = 2_500
/** How many processes that are gone are kept in mind. */
const mostGone = 1_000

/**
 * Processes that others know and this one does not: one that has come while another was stopped must not take that for gone.
 */
export class Hearsay {
  readonly #clock: Pick<Clock, 'now'>
  /** Until when each is believed to be there, in milliseconds of the clock. */
  readonly #believed = new Map<string, number>()
  /** Those that this process has seen go, which others may not have noticed yet. */
  readonly #gone = new Map<string, true>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Another process knows these. */
  hear(names: readonly string[]): void {
    const now = this.#clock.now()
    for (const [name, until] of this.#believed) if (until < now) this.#believed.delete(name)
    for (const name of names) if (!this.#gone.has(name)) this.#believed.set(name, now + believedMilliseconds)
  }

  /** It is certainly gone. */
  left(name: string): void {
    this.#believed.delete(name)
    this.#gone.set(name, true)
    forgetOldest(this.#gone, mostGone)
  }

  /** Whether another process knows it, as far as is known here. */
  has(name: string): boolean {
    return (this.#believed.get(name) ?? 0) > this.#clock.now()
  }
}
