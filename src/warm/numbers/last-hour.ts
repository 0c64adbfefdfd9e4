import type { Clock, Timer } from '../../lib/clock.js'
import type { Counts } from '../../lib/counts.js'
import { MinuteRing, minuteMilliseconds, minutesOfHour } from './minute-ring.js'
import { type RecentWarms, summaryOf, type WarmTally } from './recent-warms.js'

/** A value for each whole minute of the last hour, oldest first. Null if unknown. */
export type Series = readonly (number | null)[]

export interface HourTally {
  readonly sessions: Series
  readonly logins: readonly number[]
  readonly failures: readonly number[]
  readonly took: readonly (readonly [minute: number, bucket: number, count: number])[]
}

/** `logins` and `failures` do not include warm calls, which `RecentWarms` counts. */
export type HourSample = Record<'sessions' | 'logins' | 'failures', number>

/** `sessions` are counted at the end of each minute. `p99` of login times is in milliseconds. */
export type Hour = Readonly<Record<keyof HourSample | 'p99', Series>>

interface LastHourParts {
  readonly clock: Clock
  readonly counts: Pick<Counts, 'clientLogins' | 'clientsLoggedIn'>
  readonly recentWarms: Pick<RecentWarms, 'hour'>
  readonly registry: { readonly size: number }
}

export class LastHour extends MinuteRing<HourSample> {
  readonly #parts: LastHourParts
  #before = { logins: 0, failures: 0 }
  #timer: Timer | undefined

  constructor(parts: LastHourParts) {
    const { clock } = parts
    super(clock, () => ({ sessions: 0, logins: 0, failures: 0 }))
    this.#parts = parts
    this.#timer = clock.after(minuteMilliseconds - (clock.now() % minuteMilliseconds), this.#onMinute)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  tally(): HourTally {
    const samples = this.hour()
    const warms = this.#parts.recentWarms.hour()
    const took = warms.flatMap((tally, minute) =>
      (tally?.took ?? []).map((count, bucket) => [minute, bucket, count] as const).filter(([, , count]) => count > 0),
    )
    return {
      sessions: samples.map(sample => sample?.sessions ?? null),
      logins: samples.map((sample, at) => (sample?.logins ?? 0) + (warms[at]?.outcomes.warmed ?? 0)),
      failures: samples.map((sample, at) => {
        const { refused = 0, failed = 0 } = warms[at]?.outcomes ?? {}
        return (sample?.failures ?? 0) + refused + failed
      }),
      took,
    }
  }

  #wait(): void {
    const { clock } = this.#parts
    // Timers may fire a millisecond early.
    const next = Math.round(clock.now() / minuteMilliseconds) + 1
    this.#timer = clock.after(next * minuteMilliseconds - clock.now(), this.#onMinute)
  }

  readonly #onMinute = (): void => {
    this.#sample()
    this.#wait()
  }

  #sample(): void {
    const { clock, counts, registry } = this.#parts
    const number = Math.round(clock.now() / minuteMilliseconds) - 1
    const [logins, failures] = [counts.clientsLoggedIn, counts.clientLogins.refused]
    const { logins: loginsBefore, failures: failuresBefore } = this.#before
    this.#before = { logins, failures }
    Object.assign(this.sumAt(number), {
      sessions: registry.size,
      logins: logins - loginsBefore,
      failures: failures - failuresBefore,
    })
  }
}

export function hourOf(tallies: readonly HourTally[]): Hour {
  const sum = (name: keyof HourSample) =>
    Array.from({ length: minutesOfHour }, (_, at) => {
      const known = tallies.map(tally => tally[name][at]).filter(value => typeof value === 'number')
      return known.length === 0 ? null : known.reduce((all, value) => all + value, 0)
    })
  const took: (number[] | undefined)[] = []
  for (const tally of tallies) {
    for (const [minute, bucket, count] of tally.took) {
      const buckets = took[minute] ?? []
      buckets[bucket] = (buckets[bucket] ?? 0) + count
      took[minute] = buckets
    }
  }
  const p99 = Array.from({ length: minutesOfHour }, (_, at) => {
    const buckets = took[at]
    return buckets === undefined ? null : (summaryOf([tallyOf(buckets)]).within(0.99) ?? null)
  })
  const sessions = sum('sessions')
  const known = (values: Series) => values.map((value, at) => (sessions[at] === null && value === 0 ? null : value))
  return { sessions, logins: known(sum('logins')), failures: known(sum('failures')), p99 }
}

function tallyOf(buckets: readonly (number | undefined)[]): WarmTally {
  const took = Array.from(buckets, count => count ?? 0)
  const warmed = took.reduce((all, count) => all + count, 0)
  return { outcomes: { warmed, refused: 0, failed: 0, gone: 0 }, took }
}
