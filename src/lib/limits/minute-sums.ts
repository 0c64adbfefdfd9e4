import type { Clock, Timer } from '../clock.js'

const interval = 60_000
const mostKeys = 10_000

/** `sum` is undefined at the start of a minute. */
type Add<Sum> = (sum: Sum | undefined) => Sum

/** Returns false if the call was added to the sum of a running minute. */
export type AddCall<Sum> = (key: string, add: Add<Sum>) => boolean

/** Logs the first call of a key at once, and the sum of later calls once a minute. */
export class MinuteSums {
  readonly #clock: Clock
  /** With a running minute. */
  readonly #running = new Set<{ tellDue(now: number): number; close(): void }>()
  #timer: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `wait`: milliseconds before the first line, which sums the calls during this time. */
  of<Sum>(tell: (sum: Sum) => void, wait = 0): AddCall<Sum> {
    /** Oldest minute first. */
    const minutes = new Map<string, { readonly since: number; sum: Sum | undefined }>()
    const tellDue = (now: number) => {
      for (const [key, { since, sum }] of minutes) {
        if (now - since < interval && minutes.size <= mostKeys) return since + interval
        minutes.delete(key)
        if (sum === undefined) continue
        if (now - since >= interval) minutes.set(key, { since: now, sum: undefined })
        tell(sum)
      }
      return Number.POSITIVE_INFINITY
    }
    const close = () => {
      const sums = [...minutes.values()]
      minutes.clear()
      for (const { sum } of sums) if (sum !== undefined) tell(sum)
    }
    const own = { tellDue, close }
    return (key, add) => {
      const known = minutes.get(key)
      if (known !== undefined) {
        known.sum = add(known.sum)
        return false
      }
      const now = this.#clock.now()
      const minute = { since: now, sum: add(undefined) as Sum | undefined }
      const tellFirst = () => {
        const { sum } = minute
        minute.sum = undefined
        if (sum !== undefined && minutes.get(key) === minute) tell(sum)
      }
      minutes.set(key, minute)
      this.#running.add(own)
      if (minutes.size > mostKeys) tellDue(now)
      this.#timer ??= this.#clock.after(interval, this.#onTime)
      if (wait === 0) tellFirst()
      else this.#clock.after(wait, tellFirst)
      return true
    }
  }

  /** The returned function returns true for the first call of a key, and then once a minute. */
  firsts(): (key: string) => boolean {
    const add = this.of<undefined>(() => {})
    return key => add(key, () => undefined)
  }

  readonly #onTime = (): void => {
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const each of this.#running) {
      const due = each.tellDue(now)
      if (due === Number.POSITIVE_INFINITY) this.#running.delete(each)
      next = Math.min(next, due)
    }
    this.#timer =
      next === Number.POSITIVE_INFINITY ? undefined : this.#clock.after(Math.max(0, next - now), this.#onTime)
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const each of this.#running) each.close()
  }
}
