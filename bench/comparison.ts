import { cpus } from 'node:os'
import type { Line } from './lines.js'
import type { Figures } from './work.js'

export interface Comparison<Key extends string = string> {
  readonly title: string
  readonly unit: string
  readonly labels: Readonly<Record<Key, string>>
  readonly rounds: Readonly<Record<Key, readonly Figures[]>>
}

interface Measure {
  readonly of: (figures: Figures) => number
  readonly format: (value: number) => string
}

const perSecond = (value: number) => `${value.toFixed(0)}/s`
const milliseconds = (value: number) => `${value.toFixed(1)} ms`
export const rate: Measure = { of: each => each.perSecond, format: perSecond }
export const p50: Measure = { of: each => each.p50Milliseconds, format: milliseconds }
export const p99: Measure = { of: each => each.p99Milliseconds, format: milliseconds }
export const cpu = (process: string): Measure => ({
  of: each => each.cpuMicroseconds[process] ?? Number.NaN,
  format: value => `${value.toFixed(0)} us`,
})
export const cpuOfAll = (...processes: readonly string[]): Measure => ({
  of: each => processes.reduce((sum, process) => sum + cpu(process).of(each), 0),
  format: cpu('').format,
})
export const perCpuSecond = (process: string): Measure => ({
  of: each => 1e6 / cpu(process).of(each),
  format: perSecond,
})

export type Demand = readonly [what: string, isMet: boolean]

export function print(demands: readonly Demand[]): void {
  for (const [what, isMet] of demands) console.log(`${isMet ? 'reached' : 'short  '}  ${what}`)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2
}

export function judge(
  { what, against, sense, reach, unit }: Line,
  figures: readonly number[],
  { value, base }: { value: string; base?: string },
): Demand {
  const figure = median(figures)
  const number = (each: number) => each.toFixed({ x: 2, KiB: 1, ms: 1 }[unit])
  const [low, high] = [Math.min(...figures), Math.max(...figures)].map(number)
  const range = low === high ? '' : ` (${low} to ${high})`
  const compared = base === undefined ? '' : `, and ${base}, ${against}`
  return [
    `${number(figure)} ${unit}${range}, ${sense} ${number(reach)}: ${what}: ${value}${compared}`,
    sense === 'at least' ? figure >= reach : figure <= reach,
  ]
}

export function judgeRounds<Key extends string>(
  line: Line,
  { rounds }: Comparison<Key>,
  [ours, theirs]: readonly [Key, Key],
  measure: Measure,
  theirMeasure = measure,
): Demand {
  const values = rounds[ours].map(measure.of)
  const bases = rounds[theirs].map(theirMeasure.of)
  const compare = (value: number, base: number) => (line.unit === 'ms' ? value - base : value / base)
  return judge(
    line,
    values.map((value, round) => compare(value, bases[round]!)),
    { value: measure.format(median(values)), base: theirMeasure.format(median(bases)) },
  )
}

export function comparisonTable<Key extends string>({ title, unit, labels, rounds }: Comparison<Key>): string {
  const rows = (Object.keys(rounds) as Key[]).map(key => {
    const rates = rounds[key].map(rate.of)
    const middle = ({ of }: Measure) => median(rounds[key].map(of)).toFixed(1)
    const range = `${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)}`
    const cells = [median(rates).toFixed(0), range, middle(p50), middle(p99)]
    return row(labels[key], cells, whereTheCpuWent(rounds[key]))
  })
  const head = row('', [`${unit}/s`, 'min-max', 'p50 ms', 'p99 ms'], 'CPU an operation, by process')
  return ['', title, head, ...rows].join('\n')
}

const row = (name: string, cells: readonly string[], last: string) =>
  `  ${name.padEnd(34)}${cells.map(cell => cell.padStart(12)).join('')}   ${last}`.trimEnd()

function whereTheCpuWent(figures: readonly Figures[]): string {
  const names = Object.keys(figures[0]?.cpuMicroseconds ?? {})
  const used = names.map(name => median(figures.map(cpu(name).of)))
  const busy = (used.reduce((sum, each) => sum + each, 0) * median(figures.map(rate.of))) / 1e6
  const each = names.map((name, index) => `${name} ${cpu(name).format(used[index]!)}`)
  return `${each.join(', ')} (${busy.toFixed(1)} of ${cpus().length} cores busy)`
}
