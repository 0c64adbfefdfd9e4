import type { Config } from '../../config/config.js'

/** Longest delay in milliseconds. Data that would cause a longer delay is not charged. */
const longestWait = 25_000

/** A token bucket. `paidAt`, the time up to which data is paid for, is its whole state. */
export class RateShaper {
  readonly #rates: Pick<Config['rates'], 'sessionBytes' | 'sessionBurst'>

  constructor(rates: Pick<Config['rates'], 'sessionBytes' | 'sessionBurst'>) {
    this.#rates = rates
  }

  get #millisecondsEach(): number {
    const { sessionBytes } = this.#rates
    return sessionBytes === 0 ? 0 : 1000 / sessionBytes
  }

  get #burst(): number {
    return this.#rates.sessionBurst * this.#millisecondsEach
  }

  charge(paidAt: number, bytes: number, now: number): number {
    if (this.#millisecondsEach === 0) return paidAt
    const cost = bytes * this.#millisecondsEach
    return Math.min(Math.max(paidAt, now) + cost, now + this.#burst + longestWait)
  }

  freeAt(paidAt: number): number {
    return paidAt - this.#burst
  }
}
