// Finds a page in the sorted lists of several processes. Rounds of questions narrow the range of the page, so that no
// process sends its whole list.
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import type { Rank } from './session-list.js'

const mostCarried = 4_096
const fewestOfProcess = 16
const longestReading = 10_000
const mostReadings = 8

type Compare = (a: Rank, b: Rank) => number

/** The ranks after `after`, up to and including `upTo`. */
export interface Range {
  readonly after?: Rank | undefined
  readonly upTo?: Rank | undefined
}

export interface Spread {
  readonly before: number
  readonly count: number
  readonly total: number
  readonly step: number
  /** Each `step`th rank of the range, and the last rank. */
  readonly ranks: readonly (readonly [key: Rank['key'], id: string])[]
}

interface PlacedRank extends Rank {
  readonly process: string
}

export function spreadOf(ranks: readonly Rank[], compare: Compare, { after, upTo }: Range, most: number): Spread {
  const before = after === undefined ? 0 : countUpTo(ranks, compare, after)
  const end = upTo === undefined ? ranks.length : countUpTo(ranks, compare, upTo)
  const count = end - before
  const step = Math.max(1, Math.ceil(count / most))
  const spread: Rank[] = []
  for (let at = before + step - 1; at < end; at += step) spread.push(ranks[at]!)
  if (count % step > 0) spread.push(ranks[end - 1]!)
  return { before, count, total: ranks.length, step, ranks: spread.map(({ key, id }) => [key, id]) }
}

function countUpTo(ranks: readonly Rank[], compare: Compare, wanted: Rank): number {
  let [low, high] = [0, ranks.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(ranks[middle]!, wanted) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

/** After the first round, `ask` asks only processes that answered all earlier rounds. */
export async function numberedPage(
  { skip, limit, compare }: { readonly skip: number; readonly limit: number; readonly compare: Compare },
  ask: (range: Range, mostOf: (processes: number) => number) => Promise<readonly (readonly [string, Spread])[]>,
): Promise<{ readonly page: readonly PlacedRank[]; readonly total: number }> {
  let range: Range = {}
  let mostOf = (processes: number) => Math.max(fewestOfProcess, Math.floor(mostCarried / processes))
  for (;;) {
    const spreads = await ask(range, mostOf)
    const sumOf = (name: 'before' | 'count' | 'total') => spreads.reduce((sum, [, spread]) => sum + spread[name], 0)
    const marks = marksOf(spreads).sort((a, b) => compare(a, b))
    const first = skip - sumOf('before')
    if (spreads.every(([, { step }]) => step === 1))
      return { page: marks.slice(Math.max(0, first), Math.max(0, first + limit)), total: sumOf('total') }
    const next = narrowed(range, marks, spreads, first, limit)
    // The next round returns all ranks, if few are left or the range stays the same.
    if (sumOf('count') <= mostCarried || isDeepStrictEqual(next, range)) mostOf = () => Number.MAX_SAFE_INTEGER
    range = next
  }
}

interface Mark extends PlacedRank {
  /** Number of ranks after the process's previous mark, up to this mark. */
  readonly weight: number
  /** Number of ranks between this mark and the process's next mark. */
  readonly unseen: number
}

function marksOf(spreads: readonly (readonly [string, Spread])[]): Mark[] {
  return spreads.flatMap(([process, { ranks, step, count }]) => {
    const weightOf = (at: number) => Math.min(step, count - at * step)
    return ranks.map(([key, id], at) => ({
      key,
      id,
      process,
      weight: weightOf(at),
      unseen: at + 1 < ranks.length ? weightOf(at + 1) - 1 : 0,
    }))
  })
}

function narrowed(
  range: Range,
  marks: readonly Mark[],
  spreads: readonly (readonly [string, Spread])[],
  first: number,
  limit: number,
): Range {
  let { after, upTo } = range
  const unseen = new Map(spreads.map(([process, { count, step }]) => [process, Math.max(0, Math.min(step, count) - 1)]))
  let fewest = 0
  let hidden = [...unseen.values()].reduce((sum, each) => sum + each, 0)
  for (const mark of marks) {
    fewest += mark.weight
    hidden += mark.unseen - unseen.get(mark.process)!
    unseen.set(mark.process, mark.unseen)
    const { key, id } = mark
    if (fewest + hidden <= first) after = { key, id }
    if (fewest >= first + limit) {
      upTo = { key, id }
      break
    }
  }
  return { after, upTo }
}

/** Stores sorted lists for a short time, so that all questions for one page use the same list. */
export class Readings {
  readonly #clock: Clock
  readonly #known = new Map<string, Promise<readonly Rank[]>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of(reading: string, read: () => Promise<readonly Rank[]>): Promise<readonly Rank[]> {
    const known = this.#known.get(reading)
    if (known !== undefined) return known
    const ranks = read()
    this.#known.set(reading, ranks)
    forgetOldest(this.#known, mostReadings)
    this.#clock.after(longestReading, () => this.#known.delete(reading))
    return ranks
  }
}
