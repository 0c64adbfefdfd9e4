import type { Clock, Timer } from '../../lib/clock.js'
import type { Counts } from '../../lib/counts.js'
import { type ProblemCode, problems } from '../../lib/errors.js'

export const minuteMilliseconds = 60_000
const minutesOfHour = 60
/** The ratio of neighbouring buckets: reported login times may be 25 % too high. */
const growth = 1.25
/** From a millisecond to more than a minute. */
const buckets = 52

/** The sums of a minute: warm calls by outcome, and logins by clients. */
export type Minute = Record<'warmed' | 'refused' | 'failed' | 'gone' | 'clientLogins' | 'clientFailures', number> & {
  /** At the end of the minute, so absent in the current minute. */
  sessions?: number
  /** The times of successful warm calls, by bucket. */
  readonly took: number[]
}

/** Each whole minute of the last hour, then the current minute. Null if unknown. */
export type Minutes = readonly (Minute | null)[]

/** A value for each whole minute of the last hour, oldest first. Null if unknown. */
export type Series = readonly (number | null)[]

/** `sessions` are counted at the end of each minute. `p99` of login times is in milliseconds. */
export type Hour = Readonly<Record<'sessions' | 'logins' | 'failures' | 'p99', Series>>

interface LastHourParts {
  readonly clock: Clock
  readonly counts: Pick<Counts, 'clientLogins' | 'clientsLoggedIn'>
  readonly registry: { readonly size: number }
}

export type LastHour = ReturnType<typeof createLastHour>

/** Counts logins and sessions of the last hour, in 32 KiB. */
export function createLastHour({ clock, counts, registry }: LastHourParts) {
  /** By the time in minutes. */
  const minutes = new Map<number, Minute>()
  let before = { logins: 0, failures: 0 }
  let timer: Timer | undefined
  const now = () => Math.floor(clock.now() / minuteMilliseconds)

  function minuteAt(number: number): Minute {
    const known = minutes.get(number)
    if (known !== undefined) return known
    const minute = none()
    minutes.set(number, minute)
    for (const old of minutes.keys()) if (old < number - minutesOfHour) minutes.delete(old)
    return minute
  }

  function endMinute(number: number): void {
    timer = clock.after((number + 1) * minuteMilliseconds - clock.now(), () => {
      // Timers may fire a millisecond early, or late after a pause of the whole machine.
      const next = Math.floor((clock.now() + 1_000) / minuteMilliseconds)
      sample(next - 1)
      endMinute(next)
    })
  }

  function sample(number: number): void {
    const [logins, failures] = [counts.clientsLoggedIn, counts.clientLogins.refused]
    const minute = minuteAt(number)
    minute.sessions = registry.size
    minute.clientLogins += logins - before.logins
    minute.clientFailures += failures - before.failures
    before = { logins, failures }
  }

  endMinute(now())
  return {
    stop: () => timer?.cancel(),

    /** The outcome of a warm call. */
    add(code: ProblemCode | 'ok' | 'client-gone', milliseconds: number): void {
      const minute = minuteAt(now())
      const outcome = outcomeOf(code)
      minute[outcome] += 1
      if (outcome === 'warmed') minute.took[bucketOf(milliseconds)]! += 1
    },

    minutes(): Minutes {
      const first = now() - minutesOfHour
      return Array.from({ length: minutesOfHour + 1 }, (_, at) => minutes.get(first + at) ?? null)
    },
  }
}

/** The minutes of all processes together. */
export function mergedMinutes(all: readonly Minutes[]): Minutes {
  return Array.from({ length: minutesOfHour + 1 }, (_, at) => {
    const known = all.map(minutes => minutes[at] ?? null).filter(minute => minute !== null)
    return known.length === 0 ? null : sumOf(known)
  })
}

export function sumOf(minutes: readonly Minute[]): Minute {
  const sum = none()
  for (const { sessions, took, ...counts } of minutes) {
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) sum[name] += counts[name]
    if (sessions !== undefined) sum.sessions = (sum.sessions ?? 0) + sessions
    for (const [bucket, count] of took.slice(0, buckets).entries()) sum.took[bucket]! += count
  }
  return sum
}

export function hourOf(minutes: Minutes): Hour {
  const series = (read: (minute: Minute) => number | undefined) =>
    minutes.slice(0, minutesOfHour).map(minute => (minute === null ? null : (read(minute) ?? null)))
  return {
    sessions: series(({ sessions }) => sessions),
    logins: series(({ warmed, clientLogins }) => warmed + clientLogins),
    failures: series(({ refused, failed, clientFailures }) => refused + failed + clientFailures),
    p99: series(minute => timeWithin(minute, 0.99)),
  }
}

/** Undefined without logins. With a `share` of 0.99, the p99 of the login times. */
export function timeWithin({ took }: Minute, share: number): number | undefined {
  const warmed = took.reduce((all, count) => all + count, 0)
  let left = Math.ceil(warmed * share)
  const bucket = took.findIndex(count => {
    left -= count
    return left <= 0
  })
  return warmed === 0 ? undefined : growth ** bucket
}

const none = (): Minute => ({
  warmed: 0,
  refused: 0,
  failed: 0,
  gone: 0,
  clientLogins: 0,
  clientFailures: 0,
  took: new Array<number>(buckets).fill(0),
})

function outcomeOf(code: ProblemCode | 'ok' | 'client-gone') {
  if (code === 'ok') return 'warmed'
  if (code === 'client-gone') return 'gone'
  return problems[code].status < 500 ? 'refused' : 'failed'
}

function bucketOf(milliseconds: number): number {
  const bucket = Math.ceil(Math.log(Math.max(1, milliseconds)) / Math.log(growth))
  return Math.min(bucket, buckets - 1)
}
