import type { Clock } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'

/** Valid for this time, in milliseconds. It is repeated each second. */
const believedMilliseconds = 2_500
const mostGone = 1_000

/** Processes that others know and this one does not. A process that started while another was stopped needs this. */
export class Hearsay {
  readonly #clock: Pick<Clock, 'now'>
  /** Expiry by name. */
  readonly #believed = new Map<string, number>()
  /** Seen to leave, which others may not know yet. */
  readonly #gone = new Map<string, true>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  hear(names: readonly string[]): void {
    const now = this.#clock.now()
    for (const [name, until] of this.#believed) if (until < now) this.#believed.delete(name)
    for (const name of names) if (!this.#gone.has(name)) this.#believed.set(name, now + believedMilliseconds)
  }

  left(name: string): void {
    this.#believed.delete(name)
    this.#gone.set(name, true)
    forgetOldest(this.#gone, mostGone)
  }

  has(name: string): boolean {
    return (this.#believed.get(name) ?? 0) > this.#clock.now()
  }
}
