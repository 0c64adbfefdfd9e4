import type { Clock, Timer } from '../clock.js'

const interval = 60_000
const mostKeys = 10_000

/** Adds a call to the sum of its key. The sum is undefined after it was told. */
type Add<Sum> = (sum: Sum | undefined) => Sum

/** Returns true if the call was told at once. */
export type AddCall<Sum> = (key: string, add: Add<Sum>) => boolean

/** Sums of calls, for log lines: the first call of a key is told at once, later calls once a minute. */
export class MinuteSums {
  readonly #clock: Clock
  readonly #closing: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of<Sum>(tell: (sum: Sum) => void): AddCall<Sum> {
    const clock = this.#clock
    /** Oldest minute first. */
    const minutes = new Map<string, { readonly since: number; sum: Sum | undefined }>()
    let timer: Timer | undefined
    const tellDue = () => {
      const now = clock.now()
      for (const [key, { since, sum }] of minutes) {
        if (now - since < interval && minutes.size <= mostKeys) break
        minutes.delete(key)
        if (sum === undefined) continue
        if (now - since >= interval) minutes.set(key, { since: now, sum: undefined })
        tell(sum)
      }
    }
    const onTime = () => {
      tellDue()
      const [oldest] = minutes.values()
      timer = oldest && clock.after(Math.max(0, oldest.since + interval - clock.now()), onTime)
    }
    this.#closing.push(() => {
      timer?.cancel()
      timer = undefined
      const sums = [...minutes.values()]
      minutes.clear()
      for (const { sum } of sums) if (sum !== undefined) tell(sum)
    })
    return (key, add) => {
      const minute = minutes.get(key)
      if (minute !== undefined) {
        minute.sum = add(minute.sum)
        return false
      }
      minutes.set(key, { since: clock.now(), sum: undefined })
      if (minutes.size > mostKeys) tellDue()
      timer ??= clock.after(interval, onTime)
      tell(add(undefined))
      return true
    }
  }

  /** Tells all sums. */
  close(): void {
    for (const close of this.#closing) close()
  }
}
