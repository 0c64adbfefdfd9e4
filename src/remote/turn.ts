import type { Clock, Timer } from '../lib/clock.js'

/**
 * How much later than the one before a request leaves, in milliseconds: where that went over an open connection, made one,
 * or was a repeat. The later one could be the first to arrive: ejabberd then answers neither of the two. Prosody keeps the
 * later one back, and where its connection breaks meanwhile, what the session gets afterwards is lost.
 */
const apart = 20
const apartFromNew = 100
const apartFromRepeat = 1000

/** The place of a request among those of its session, which have to arrive in their order, repeats too. */
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

  /** The request leaves, over a connection that was made for it or not. */
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

  /** There is nothing left to wait for. */
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
