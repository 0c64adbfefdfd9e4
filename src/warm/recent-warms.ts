import type { Clock } from '../lib/clock.js'
import { type ProblemCode, problems } from '../lib/errors.js'

/** How far back is remembered, in minutes; the last of them is the one that runs. */
const minutes = 15
/** By how much the limit of each bucket lies above the one before: what is read from them is too long by that at most. */
const growth = 1.25
/** The limits go from a millisecond to somewhat more than a minute, which is longer than any login may take. */
const buckets = 52

/** How warm calls ended: in a session, by a mistake of the caller's, by a failure that is not, or by the caller hanging up. */
export type WarmOutcome = 'warmed' | 'refused' | 'failed' | 'gone'

type Outcomes = Record<WarmOutcome, number>

/** Calls by outcome, and how many logins took so long, by bucket. */
export interface WarmTally {
  readonly outcomes: Readonly<Outcomes>
  readonly took: readonly number[]
}

/** Calls by outcome, and the milliseconds that this share of the logins did not exceed, if there are any. */
export interface WarmSummary {
  readonly outcomes: Readonly<Outcomes>
  readonly within: (share: number) => number | undefined
}

/** What happened in one minute. */
interface Minute {
  /** Counted from the clock's beginning. */
  number: number
  readonly outcomes: Outcomes
  /** How many logins took so long, by bucket. */
  readonly took: Uint32Array
}

/** How the warm calls of the last quarter of an hour ended, and how long logins took; to a minute, and in 4 KiB. */
export class RecentWarms {
  readonly #clock: Pick<Clock, 'now'>
  readonly #ring: readonly Minute[] = Array.from({ length: minutes }, () => ({
    number: Number.NEGATIVE_INFINITY,
    outcomes: none(),
    took: new Uint32Array(buckets),
  }))

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Notes a call that was answered with this code. */
  add(code: ProblemCode | 'ok' | 'client-gone', milliseconds: number): void {
    const number = this.#minute
    const minute = this.#ring[number % minutes]!
    if (minute.number !== number) {
      Object.assign(minute.outcomes, none())
      minute.took.fill(0)
      minute.number = number
    }
    const outcome = outcomeOf(code)
    minute.outcomes[outcome] += 1
    if (outcome === 'warmed') minute.took[bucketOf(milliseconds)]! += 1
  }

  /** What is remembered. */
  tally(): WarmTally {
    const oldest = this.#minute - minutes + 1
    const remembered = this.#ring.filter(({ number }) => number >= oldest)
    return sumOf(remembered.map(({ outcomes, took }) => ({ outcomes, took: [...took] })))
  }

  get #minute(): number {
    return Math.floor(this.#clock.now() / 60_000)
  }
}

/** The same for several processes together. */
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

const none = (): Outcomes => ({ warmed: 0, refused: 0, failed: 0, gone: 0 })

function outcomeOf(code: ProblemCode | 'ok' | 'client-gone'): WarmOutcome {
  if (code === 'ok') return 'warmed'
  if (code === 'client-gone') return 'gone'
  return problems[code].status < 500 ? 'refused' : 'failed'
}

/** The first bucket whose limit is not exceeded; the last one has no limit. */
function bucketOf(milliseconds: number): number {
  const bucket = Math.ceil(Math.log(Math.max(1, milliseconds)) / Math.log(growth))
  return Math.min(bucket, buckets - 1)
}
