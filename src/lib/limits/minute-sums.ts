import type { Logger } from 'pino'
import type { Clock, Timer } from '../clock.js'

const interval = 60_000
const mostKeys = 10_000

/** `sum` is undefined at the start of a minute. */
type Add<Sum> = (sum: Sum | undefined) => Sum

/** Returns false if the call was added to the sum of a running minute. */
export type AddCall<Sum> = (key: string, add: Add<Sum>) => boolean

/** Returns false for a line that is only counted. */
export type LogOften = (key: string, stream: Logger, about: object, what: string) => boolean

/** Logs the first call of a key at once, and the sum of later calls once a minute. */
export class MinuteSums {
  readonly #clock: Clock
  readonly #ends: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `wait`: milliseconds before the first line, which sums the calls during this time. */
  of<Sum>(tell: (sum: Sum) => void, wait = 0): AddCall<Sum> {
    const clock = this.#clock
    /** Oldest minute first. */
    const minutes = new Map<string, { readonly since: number; sum: Sum | undefined }>()
    let timer: Timer | undefined
    const tellAgain = (milliseconds: number) => {
      timer ??= clock.after(milliseconds, () => {
        timer = undefined
        tellDue()
      })
    }
    const tellDue = () => {
      const now = clock.now()
      for (const [key, { since, sum }] of minutes) {
        if (now - since < interval && minutes.size <= mostKeys) return tellAgain(since + interval - now)
        minutes.delete(key)
        if (sum === undefined) continue
        if (now - since >= interval) minutes.set(key, { since: now, sum: undefined })
        tell(sum)
      }
    }
    this.#ends.push(() => {
      timer?.cancel()
      timer = undefined
      const sums = [...minutes.values()]
      minutes.clear()
      for (const { sum } of sums) if (sum !== undefined) tell(sum)
    })
    return (key, add) => {
      const known = minutes.get(key)
      if (known !== undefined) {
        known.sum = add(known.sum)
        return false
      }
      const minute = { since: clock.now(), sum: add(undefined) as Sum | undefined }
      const tellFirst = () => {
        const { sum } = minute
        minute.sum = undefined
        if (sum !== undefined && minutes.get(key) === minute) tell(sum)
      }
      minutes.set(key, minute)
      tellAgain(interval)
      if (minutes.size > mostKeys) tellDue()
      if (wait === 0) tellFirst()
      else clock.after(wait, tellFirst)
      return true
    }
  }

  /** The returned function returns true for the first call of a key, and then once a minute. */
  firsts(): (key: string) => boolean {
    const add = this.of<undefined>(() => {})
    return key => add(key, () => undefined)
  }

  /** Lines with the same key become one line a minute with a `count`, because anybody can cause them. */
  lines(): LogOften {
    const often = this.of<{ count: number; stream: Logger; about: object; what: string }>(
      ({ count, stream, about, what }) => stream.info({ ...about, count }, what),
    )
    return (key, stream, about, what) => often(key, sum => ({ count: (sum?.count ?? 0) + 1, stream, about, what }))
  }

  close(): void {
    for (const end of this.#ends) end()
  }
}
