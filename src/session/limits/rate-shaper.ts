import type { Config } from '../../config/config.js'

/** Longest delay in milliseconds. Data that would cause a longer delay is not charged. */
const longestWait = 25_000

/** A token bucket. `paidAt`, the time up to which data is paid for, is its whole state. */
export class RateShaper {
  readonly #rates: Pick<Config['rates'], 'sessionBytes' | 'sessionBurst'>

  constructor(rates: Pick<Config['rates'], 'sessionBytes' | 'sessionBurst'>) {
    this.#rates = rates
  }

  charge(paidAt: number, bytes: number, now: number): number {
    const { sessionBytes } = this.#rates
    if (sessionBytes === 0) return paidAt
    return Math.min(Math.max(paidAt, now) + (bytes * 1000) / sessionBytes, now + this.#burst + longestWait)
  }

  freeAt(paidAt: number): number {
    return paidAt - this.#burst
  }

  get #burst(): number {
    const { sessionBytes, sessionBurst } = this.#rates
    return sessionBytes === 0 ? 0 : (sessionBurst * 1000) / sessionBytes
  }
}
