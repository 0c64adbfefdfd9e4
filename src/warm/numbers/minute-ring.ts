import type { Clock } from '../../lib/clock.js'

export const minuteMilliseconds = 60_000
/** `hour()` returns these minutes, without the current minute. */
export const minutesOfHour = 60
const minutes = minutesOfHour + 1

/** `ago` is in minutes. */
export type PastMinute<T> = T & { readonly ago: number }

/** A sum for the current minute, and for each minute of the hour before it. */
export class MinuteRing<T extends object> {
  readonly #clock: Pick<Clock, 'now'>
  readonly #none: () => T
  readonly #add: (sum: T, more: T) => void
  /** `number` is the time in minutes. */
  readonly #ring: { number: number; sum: T }[]

  constructor(clock: Pick<Clock, 'now'>, none: () => T, add: (sum: T, more: T) => void) {
    this.#clock = clock
    this.#none = none
    this.#add = add
    this.#ring = Array.from({ length: minutes }, () => ({ number: Number.NEGATIVE_INFINITY, sum: none() }))
  }

  /** Oldest minute first. A minute without a sum is undefined. */
  hour(): readonly (T | undefined)[] {
    const first = this.minute - minutesOfHour
    return Array.from({ length: minutesOfHour }, (_, at) => {
      const { number, sum } = this.#ring[placeOf(first + at)]!
      return number === first + at ? sum : undefined
    })
  }

  pastMinutes(): readonly PastMinute<T>[] {
    const now = this.minute
    return this.#ring
      .filter(({ number }) => now - number < minutes)
      .map(({ number, sum }) => ({ ago: now - number, ...sum }))
  }

  addPast(past: readonly PastMinute<T>[]): void {
    for (const each of past) if (each.ago < minutes) this.#add(this.sumAt(this.minute - each.ago), each)
  }

  protected sumAt(number: number): T {
    const place = this.#ring[placeOf(number)]!
    if (place.number !== number) Object.assign(place, { number, sum: this.#none() })
    return place.sum
  }

  protected get minute(): number {
    return Math.floor(this.#clock.now() / minuteMilliseconds)
  }
}

const placeOf = (number: number) => (number + minutes) % minutes
