import type { Clock, Timer } from '../lib/clock.js'
import { nothing } from '../servers/net/connect-to-any.js'
import type { SentOver } from './http-request.js'
import type { RemoteFault } from './remote-fault.js'

/**
 * Milliseconds until the next request, by the connection of this request, unless a reply shows that it has arrived.
 * Requests must arrive in order: otherwise ejabberd does not answer, and Prosody may lose later stanzas. A TCP
 * connection opens before the server's process reads it, which a busy server does late. TLS opens only when the
 * process, or a proxy, answers.
 */
const apart: Record<SentOver, number> = { known: 500, tls: 500, tcp: 1000 }
const apartAfterRepeat = 1000

const pauses = [0, 250, 500, 1000, 2000, 4000]
const mostSeconds = 30
const heldAfter = 5000
/** Minimum pause before a request is repeated, if an earlier request is still open. */
const settlingMilliseconds = 50

/**
 * A request that waits until the previous request has probably arrived, and is repeated if its connection breaks.
 * Endpoints answer a repeated rid with the same reply (XEP-0124 §14.3).
 */
export class RequestTurn {
  readonly #clock: Clock
  readonly #onArrived: () => void
  #before: RequestTurn | undefined
  #next: RequestTurn | undefined
  #arrival: Promise<void> | undefined
  #arrive = () => {}
  #timer: Timer | undefined
  #isOver = false
  /** In this series of failures. */
  #count = 0
  #overdue = 0
  /** Start of the series. A request that was held for 5 s ends a series. */
  #brokenAt = 0
  #sentAt = Number.POSITIVE_INFINITY

  /** `onArrived`: called if the endpoint shows that it has the request, which it holds. */
  constructor(clock: Clock, before: RequestTurn | undefined, onArrived = nothing) {
    this.#clock = clock
    this.#onArrived = onArrived
    this.#before = before
    if (before !== undefined) before.#next = this
    this.#expect()
  }

  get isRepeated(): boolean {
    return this.#count > 0
  }

  async afterPrevious(): Promise<void> {
    const before = this.#before
    if (before !== undefined) while (before.#arrival !== undefined) await before.#arrival
  }

  sent(over: SentOver): void {
    this.#sentAt = this.#clock.now()
    const wait = this.isRepeated ? apartAfterRepeat : apart[over]
    this.#timer ??= this.#clock.after(wait, () => this.#arrived())
  }

  /**
   * Returns the pause in milliseconds before the request is repeated, or undefined for no repeat. `inactivity` is in
   * seconds, and undefined before the session exists.
   */
  broke({ failure, aftermath }: RemoteFault, inactivity: number | undefined): number | undefined {
    const pause = aftermath === 'broke' ? this.#pauseAfter(failure, inactivity) : undefined
    if (pause === undefined) return undefined
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#arrival === undefined) this.#expect()
    return this.#before === undefined || this.#before.#isOver ? pause : Math.max(pause, settlingMilliseconds)
  }

  /** An endpoint that holds a request answers it with nothing when the next one arrives, or `wait` seconds are over. */
  answeredEmpty(wait: number): void {
    const next = this.#next
    if (next === undefined || next.#sentAt === Number.POSITIVE_INFINITY || next.isRepeated) return
    next.#arrived()
    // The endpoint counts from the first copy.
    if (!this.isRepeated && this.#clock.now() - this.#sentAt < wait * 1000) next.#onArrived()
  }

  end(): void {
    this.#timer?.cancel()
    this.#isOver = true
    this.#before = undefined
    this.#next = undefined
    this.#arrived()
  }

  #pauseAfter({ step, code }: RemoteFault['failure'], inactivity: number | undefined): number | undefined {
    // The creation of a session is repeated only once, because each repeat could open another session.
    if (inactivity === undefined) return step === 'features' && this.#count++ === 0 ? 0 : undefined
    if (code === 'timeout' && step === 'features' && this.#overdue++ > 0) return undefined
    const now = this.#clock.now()
    const wasHeld = now - this.#sentAt >= heldAfter
    this.#sentAt = Number.POSITIVE_INFINITY
    if (this.#count === 0 || wasHeld) {
      this.#count = 0
      this.#brokenAt = now
    }
    const pause = pauses[Math.min(this.#count++, pauses.length - 1)]!
    return now + pause < this.#brokenAt + Math.min(inactivity, mostSeconds) * 1000 ? pause : undefined
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
