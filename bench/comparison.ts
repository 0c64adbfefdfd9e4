// Several targets measured in turns, and what their rounds say about a line.
import { cpus } from 'node:os'
import { judge, type Line, median, type Verdict } from './lines.js'
import type { Figures } from './work.js'

/** The figures of each target, round by round. */
export interface Comparison<Key extends string = string> {
  readonly title: string
  /** What is counted, in the plural. */
  readonly unit: string
  /** What each target is called in the output. */
  readonly labels: Readonly<Record<Key, string>>
  readonly rounds: Readonly<Record<Key, readonly Figures[]>>
}

/** Something of a round that can be compared. */
export interface Measure {
  readonly of: (figures: Figures) => number
  readonly format: (value: number) => string
}

export const rate: Measure = { of: each => each.perSecond, format: value => `${value.toFixed(0)}/s` }
export const p50: Measure = { of: each => each.p50Milliseconds, format: value => `${value.toFixed(1)} ms` }
export const p99: Measure = { of: each => each.p99Milliseconds, format: value => `${value.toFixed(1)} ms` }
export const cpu = (process: string): Measure => ({
  of: each => each.cpuMicroseconds[process] ?? Number.NaN,
  format: value => `${value.toFixed(0)} us`,
})

/** How much of it a process, or all of one name together, can do with a second of CPU time. */
export const perCpuSecond = (process: string): Measure => ({
  of: each => 1e6 / cpu(process).of(each),
  format: value => `${value.toFixed(0)}/s`,
})

/** Runs each target once a round; the first in one round is the last in the next. */
export async function takeTurns<Key extends string>(
  rounds: number,
  keys: readonly Key[],
  run: (key: Key, round: number) => Promise<Figures>,
): Promise<Record<Key, Figures[]>> {
  const results = Object.fromEntries(keys.map(key => [key, [] as Figures[]])) as Record<Key, Figures[]>
  for (let round = 0; round < rounds; round++) {
    for (const key of round % 2 === 0 ? keys : keys.toReversed()) results[key].push(await run(key, round))
  }
  return results
}

/** Judges a line by the ratio of two targets in each round. */
export function judgeRatio<Key extends string>(
  line: Line,
  { rounds, labels }: Comparison<Key>,
  [ours, theirs]: readonly [Key, Key],
  measure: Measure,
  { theirMeasure = measure, alsoBeside = [] }: { theirMeasure?: Measure; alsoBeside?: readonly Key[] } = {},
): Verdict {
  const values = rounds[ours].map(measure.of)
  const bases = rounds[theirs].map(theirMeasure.of)
  return judge(
    line,
    values.map((value, round) => value / bases[round]!),
    {
      value: measure.format(median(values)),
      base: theirMeasure.format(median(bases)),
      beside: [ours, theirs, ...alsoBeside].map(key => `${labels[key]}: ${whereTheCpuWent(rounds[key])}`),
    },
  )
}

/** The comparison as lines of text. */
export function table<Key extends string>({ title, unit, labels, rounds }: Comparison<Key>): string {
  const rows = (Object.keys(rounds) as Key[]).map(key => {
    const rates = rounds[key].map(rate.of)
    const middle = ({ of }: Measure) => median(rounds[key].map(of)).toFixed(1)
    const range = `${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)}`
    const cells = [median(rates).toFixed(0), range, middle(p50), middle(p99)]
    return row(labels[key], ...cells, whereTheCpuWent(rounds[key]))
  })
  const head = row('', `${unit}/s`, 'min-max', 'p50 ms', 'p99 ms', 'CPU an operation, by process')
  return ['', title, head, ...rows].join('\n')
}

/** CPU per operation of each process, and how much of the machine they had in use. */
function whereTheCpuWent(figures: readonly Figures[]): string {
  const names = Object.keys(figures[0]?.cpuMicroseconds ?? {})
  const used = names.map(name => median(figures.map(cpu(name).of)))
  const busy = (used.reduce((sum, each) => sum + each, 0) * median(figures.map(rate.of))) / 1e6
  const each = names.map((name, index) => `${name} ${cpu(name).format(used[index]!)}`)
  return `${each.join(', ')} (${busy.toFixed(1)} of ${cpus().length} cores busy)`
}

function row(name: string, ...cells: string[]): string {
  const last = cells.pop() ?? ''
  return `  ${name.padEnd(34)}${cells.map(cell => cell.padStart(12)).join('')}   ${last}`.trimEnd()
}
