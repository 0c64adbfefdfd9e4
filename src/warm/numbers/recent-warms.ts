import type { Clock } from '../../lib/clock.js'
import { type ProblemCode, problems } from '../../lib/errors.js'

/** `tally()` sums these minutes, including the current minute. */
export const recentMinutes = 15
export const minuteMilliseconds = 60_000
/** `hour()` returns these minutes, without the current minute. */
export const minutesOfHour = 60
const minutes = minutesOfHour + 1
/** The ratio of neighbouring buckets: reported login times may be 25 % too high. */
const growth = 1.25
/** From a millisecond to more than a minute. */
const buckets = 52

export type WarmOutcome = 'warmed' | 'refused' | 'failed' | 'gone'

export interface WarmTally {
  readonly outcomes: Record<WarmOutcome, number>
  readonly took: readonly number[]
}

/** `ago` is in minutes. */
export type PastMinute<T> = T & { readonly ago: number }

/** `within(0.99)` returns the p99 of the login times. */
export interface WarmSummary extends Pick<WarmTally, 'outcomes'> {
  readonly within: (share: number) => number | undefined
}

/** Counts the warm calls of the last hour, in 16 KiB. */
export class RecentWarms {
  readonly #clock: Pick<Clock, 'now'>
  /** `number` is the time in minutes. */
  readonly #ring = Array.from({ length: minutes }, () => ({
    number: Number.NEGATIVE_INFINITY,
    outcomes: none(),
    took: new Uint32Array(buckets),
  }))

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  add(code: ProblemCode | 'ok' | 'client-gone', milliseconds: number): void {
    const minute = this.#at(this.#minute)
    const outcome = outcomeOf(code)
    minute.outcomes[outcome] += 1
    if (outcome === 'warmed') minute.took[bucketOf(milliseconds)]! += 1
  }

  tally(): WarmTally {
    const oldest = this.#minute - recentMinutes + 1
    const recent = this.#ring.filter(({ number }) => number >= oldest)
    return sumOf(recent.map(({ outcomes, took }) => ({ outcomes, took: [...took] })))
  }

  /** Oldest minute first. A minute without calls is undefined. */
  hour(): readonly (WarmTally | undefined)[] {
    const first = this.#minute - minutesOfHour
    return Array.from({ length: minutesOfHour }, (_, at) => {
      const { number, outcomes, took } = this.#ring[(first + at + minutes) % minutes]!
      return number === first + at ? { outcomes: { ...outcomes }, took: [...took] } : undefined
    })
  }

  pastMinutes(): readonly PastMinute<WarmTally>[] {
    const now = this.#minute
    return this.#ring
      .filter(({ number }) => now - number < minutes)
      .map(({ number, outcomes, took }) => ({ ago: now - number, outcomes: { ...outcomes }, took: [...took] }))
  }

  addPast(past: readonly PastMinute<WarmTally>[]): void {
    for (const { ago, outcomes, took } of past) {
      if (ago >= minutes) continue
      const minute = this.#at(this.#minute - ago)
      for (const outcome of Object.keys(minute.outcomes) as WarmOutcome[]) minute.outcomes[outcome] += outcomes[outcome]
      for (const [bucket, count] of took.slice(0, buckets).entries()) minute.took[bucket]! += count
    }
  }

  #at(number: number) {
    const minute = this.#ring[(number + minutes) % minutes]!
    if (minute.number !== number) {
      Object.assign(minute.outcomes, none())
      minute.took.fill(0)
      minute.number = number
    }
    return minute
  }

  get #minute(): number {
    return Math.floor(this.#clock.now() / minuteMilliseconds)
  }
}

export function summaryOf(tallies: readonly WarmTally[]): WarmSummary {
  const { outcomes, took } = sumOf(tallies)
  return {
    outcomes,
    within(share) {
      let left = Math.ceil(outcomes.warmed * share)
      const bucket = took.findIndex(count => {
        left -= count
        return left <= 0
      })
      return outcomes.warmed === 0 ? undefined : growth ** bucket
    },
  }
}

function sumOf(tallies: readonly WarmTally[]): WarmTally {
  const outcomes = none()
  const took = new Array<number>(buckets).fill(0)
  for (const tally of tallies) {
    for (const outcome of Object.keys(outcomes) as WarmOutcome[]) outcomes[outcome] += tally.outcomes[outcome]
    for (const [bucket, count] of tally.took.slice(0, buckets).entries()) took[bucket]! += count
  }
  return { outcomes, took }
}

const none = (): WarmTally['outcomes'] => ({ warmed: 0, refused: 0, failed: 0, gone: 0 })

function outcomeOf(code: ProblemCode | 'ok' | 'client-gone'): WarmOutcome {
  if (code === 'ok') return 'warmed'
  if (code === 'client-gone') return 'gone'
  return problems[code].status < 500 ? 'refused' : 'failed'
}

function bucketOf(milliseconds: number): number {
  const bucket = Math.ceil(Math.log(Math.max(1, milliseconds)) / Math.log(growth))
  return Math.min(bucket, buckets - 1)
}
