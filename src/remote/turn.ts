import type { Clock, Timer } from '../lib/clock.js'

/**
 * Shortest time between a request and the next one, in milliseconds: after one over an open connection, over a new one, and after
 * a repeat. If the later request arrives first, ejabberd answers neither. Prosody keeps the later one back; if its connection
 * breaks meanwhile, Prosody loses all later stanzas for the session.
 */
const apart = 20
const apartFromNew = 100
const apartFromRepeat = 1000

/** The turn of a request among those of its session. They must arrive in their order, repeats too. */
export class Turn {
  readonly #clock: Clock
  #before: Turn | undefined
  /** Resolves when the request has most likely arrived; undefined once it has. */
  #arrival: Promise<void> | undefined
  #arrive = () => {}
  #timer: Timer | undefined
  #isOver = false

  constructor(clock: Clock, before: Turn | undefined) {
    this.#clock = clock
    this.#before = before
    this.#expect()
  }

  /** Whether no request before it is open. */
  get isFirst(): boolean {
    return this.#before === undefined || this.#before.#isOver
  }

  /** Resolves when the request before has been answered, or has most likely arrived. */
  async come(): Promise<void> {
    const before = this.#before
    if (before !== undefined) while (before.#arrival !== undefined) await before.#arrival
  }

  /** The request has left, over a new connection or an open one. */
  left(isNew: boolean, isRepeat: boolean): void {
    const wait = isRepeat ? apartFromRepeat : isNew ? apartFromNew : apart
    this.#timer ??= this.#clock.after(wait, () => this.#arrived())
  }

  /** The request broke, and those behind it wait until it has been repeated. */
  broke(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#arrival === undefined) this.#expect()
  }

  /** The request has been answered, or has failed. */
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
