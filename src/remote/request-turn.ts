import type { Clock, Timer } from '../lib/clock.js'

/**
 * Milliseconds between requests. If the later request arrives first, ejabberd answers neither request, and Prosody may
 * lose later stanzas.
 */
const apart = 20
const apartFromNew = 100
const apartFromRepeat = 1000

/** Keeps requests and repeats in order. */
export class Turn {
  readonly #clock: Clock
  #before: Turn | undefined
  #arrival: Promise<void> | undefined
  #arrive = () => {}
  #timer: Timer | undefined
  #isOver = false

  constructor(clock: Clock, before: Turn | undefined) {
    this.#clock = clock
    this.#before = before
    this.#expect()
  }

  get isFirst(): boolean {
    return this.#before === undefined || this.#before.#isOver
  }

  async afterPrevious(): Promise<void> {
    const before = this.#before
    if (before !== undefined) while (before.#arrival !== undefined) await before.#arrival
  }

  sent(isNew: boolean, isRepeat: boolean): void {
    const wait = isRepeat ? apartFromRepeat : isNew ? apartFromNew : apart
    this.#timer ??= this.#clock.after(wait, () => this.#arrived())
  }

  broke(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#arrival === undefined) this.#expect()
  }

  end(): void {
    this.#timer?.cancel()
    this.#isOver = true
    this.#before = undefined
    this.#arrived()
  }

  #expect(): void {
    this.#arrival = new Promise(resolve => {
      this.#arrive = resolve
    })
  }

  #arrived(): void {
    this.#arrival = undefined
    this.#arrive()
  }
}
