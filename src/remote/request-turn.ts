import type { Clock, Timer } from '../lib/clock.js'
import type { SentOver } from './http-request.js'

/**
 * Milliseconds until the next request, by the connection of this request. Requests must arrive in order: otherwise
 * ejabberd does not answer, and Prosody may lose later stanzas. A TCP connection opens before the server's process
 * reads it, which a busy server does late. TLS opens only when the process, or a proxy, answers.
 */
const apart: Record<SentOver, number> = { known: 20, tls: 100, tcp: 1000 }
const apartAfterRepeat = 1000

/** Delays a request until the previous request has probably arrived. */
export class RequestTurn {
  readonly #clock: Clock
  #before: RequestTurn | undefined
  #arrival: Promise<void> | undefined
  #arrive = () => {}
  #timer: Timer | undefined
  #isOver = false

  constructor(clock: Clock, before: RequestTurn | undefined) {
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

  sent(over: SentOver, isRepeat: boolean): void {
    const wait = isRepeat ? apartAfterRepeat : apart[over]
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
