import type { Config } from '../../config/config.js'

/** The longest time that a client waits until it may send again, in milliseconds; what it owes beyond that is forgiven. */
const longestWait = 25_000

/**
 * How much the clients of sessions may send: a token bucket for all, of which each session keeps a single number: when,
 * in milliseconds of the clock, all that it has sent will be paid for; 0 before. Sizes are in UTF-16 units.
 */
export class RateShaper {
  readonly #millisecondsEach: number
  readonly #burst: number

  /** Any amount may be sent where `sessionBytes` is 0. */
  constructor({ sessionBytes, sessionBurst }: Pick<Config['rates'], 'sessionBytes' | 'sessionBurst'>) {
    this.#millisecondsEach = sessionBytes === 0 ? 0 : 1000 / sessionBytes
    this.#burst = sessionBurst * this.#millisecondsEach
  }

  /** Charges a session for what it sends now; gives back its number. */
  charge(paidAt: number, size: number, now: number): number {
    if (this.#millisecondsEach === 0) return paidAt
    const cost = size * this.#millisecondsEach
    return Math.min(Math.max(paidAt, now) + cost, now + this.#burst + longestWait)
  }

  /** When a session with this number may send again, in milliseconds of the clock. */
  freeAt(paidAt: number): number {
    return paidAt - this.#burst
  }
}
