import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../clock.js'

const mostRemembered = 20_000

interface Remembered<Value> {
  readonly value: Value
  readonly until: number
}

/**
 * Remembers something about secrets for a short while, so much at most. It is found by a keyed hash only, with a key
 * that this process made up: the secrets cannot be read from it.
 */
export class ShortMemory<Value> {
  readonly #clock: Clock
  readonly #milliseconds: number
  readonly #key = randomBytes(32)
  readonly #remembered = new Map<string, Remembered<Value>>()

  /** `seconds` of 0 remembers nothing. */
  constructor(clock: Clock, seconds: number) {
    this.#clock = clock
    this.#milliseconds = seconds * 1000
  }

  recall(about: readonly (string | number)[]): Value | undefined {
    if (this.#milliseconds === 0) return undefined
    const name = this.#name(about)
    const known = this.#remembered.get(name)
    if (known !== undefined && known.until > this.#clock.now()) return known.value
    this.#remembered.delete(name)
    return undefined
  }

  remember(about: readonly (string | number)[], value: Value): void {
    if (this.#milliseconds === 0) return
    const now = this.#clock.now()
    // Oldest first, since a Map keeps the order of insertion: what is over is at the front.
    for (const [old, { until }] of this.#remembered) {
      if (until > now && this.#remembered.size < mostRemembered) break
      this.#remembered.delete(old)
    }
    const name = this.#name(about)
    this.#remembered.delete(name)
    this.#remembered.set(name, { value, until: now + this.#milliseconds })
  }

  #name(about: readonly (string | number)[]): string {
    // JSON keeps the parts apart whatever they contain.
    return createHmac('sha256', this.#key).update(JSON.stringify(about)).digest('base64')
  }
}
