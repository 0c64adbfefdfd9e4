import type { Clock } from '../../lib/clock.js'
import { type ProblemCode, problems } from '../../lib/errors.js'
import { MinuteRing } from './minute-ring.js'

/** `tally()` sums these minutes, including the current minute. */
export const recentMinutes = 15
/** The ratio of neighbouring buckets: reported login times may be 25 % too high. */
const growth = 1.25
/** From a millisecond to more than a minute. */
const buckets = 52

type WarmOutcome = 'warmed' | 'refused' | 'failed' | 'gone'

export interface WarmTally {
  readonly outcomes: Record<WarmOutcome, number>
  readonly took: number[]
}

/** `within(0.99)` returns the p99 of the login times. */
export interface WarmSummary extends Pick<WarmTally, 'outcomes'> {
  readonly within: (share: number) => number | undefined
}

/** Counts the warm calls of the last hour, in 32 KiB. */
export class RecentWarms extends MinuteRing<WarmTally> {
  constructor(clock: Pick<Clock, 'now'>) {
    super(clock, none)
  }

  add(code: ProblemCode | 'ok' | 'client-gone', milliseconds: number): void {
    const { outcomes, took } = this.sumAt(this.minute)
    const outcome = warmOutcomeOf(code)
    outcomes[outcome] += 1
    if (outcome === 'warmed') took[bucketOf(milliseconds)]! += 1
  }

  tally(): WarmTally {
    return sumOf(this.latest(recentMinutes))
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
  const sum = none()
  for (const tally of tallies) add(sum, tally)
  return sum
}

function add(sum: WarmTally, { outcomes, took }: WarmTally): void {
  for (const outcome of Object.keys(sum.outcomes) as WarmOutcome[]) sum.outcomes[outcome] += outcomes[outcome]
  for (const [bucket, count] of took.slice(0, buckets).entries()) sum.took[bucket]! += count
}

const none = (): WarmTally => ({
  outcomes: { warmed: 0, refused: 0, failed: 0, gone: 0 },
  took: new Array<number>(buckets).fill(0),
})

function warmOutcomeOf(code: ProblemCode | 'ok' | 'client-gone'): WarmOutcome {
  if (code === 'ok') return 'warmed'
  if (code === 'client-gone') return 'gone'
  return problems[code].status < 500 ? 'refused' : 'failed'
}

function bucketOf(milliseconds: number): number {
  const bucket = Math.ceil(Math.log(Math.max(1, milliseconds)) / Math.log(growth))
  return Math.min(bucket, buckets - 1)
}
