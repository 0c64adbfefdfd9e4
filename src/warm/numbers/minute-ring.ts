import type { Clock } from '../../lib/clock.js'

export const minuteMilliseconds = 60_000
/** `hour()` returns these minutes, without the current minute. */
export const minutesOfHour = 60
const minutes = minutesOfHour + 1

/** A sum for the current minute, and for each minute of the hour before it. */
export class MinuteRing<T extends object> {
  readonly #clock: Pick<Clock, 'now'>
  readonly #none: () => T
  /** `number` is the time in minutes. */
  readonly #ring: { number: number; sum: T }[]

  constructor(clock: Pick<Clock, 'now'>, none: () => T) {
    this.#clock = clock
    this.#none = none
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

  /** The sums of the last `count` minutes, with the current minute, in no order. */
  protected latest(count: number): readonly T[] {
    return this.#ring.filter(({ number }) => this.minute - number < count).map(({ sum }) => sum)
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
