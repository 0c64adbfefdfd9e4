import { cpus } from 'node:os'
import type { Line } from './lines.js'
import type { Figures } from './work.js'

export interface Verdict extends Line {
  readonly value: string
  readonly base: string
  readonly figure: number
  readonly low: number
  readonly high: number
  readonly reached: boolean
}

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

export function areMet(demands: readonly Demand[]): boolean {
  for (const [what, isMet] of demands) console.log(`${isMet ? 'reached' : 'short  '}  ${what}`)
  return demands.every(([, isMet]) => isMet)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2
}

export function judge(
  line: Line,
  figures: readonly number[],
  { value, base = '' }: { value: string; base?: string },
): Verdict {
  const figure = median(figures)
  const reached = line.sense === 'at least' ? figure >= line.reach : figure <= line.reach
  const [low, high] = [Math.min(...figures), Math.max(...figures)]
  return { ...line, value, base, figure, low, high, reached }
}

export function judgeRatio<Key extends string>(
  line: Line,
  { rounds }: Comparison<Key>,
  [ours, theirs]: readonly [Key, Key],
  measure: Measure,
  theirMeasure = measure,
): Verdict {
  const values = rounds[ours].map(measure.of)
  const bases = rounds[theirs].map(theirMeasure.of)
  return judge(
    line,
    values.map((value, round) => value / bases[round]!),
    { value: measure.format(median(values)), base: theirMeasure.format(median(bases)) },
  )
}

export function judgeLater<Key extends string>(
  line: Line,
  { rounds }: Comparison<Key>,
  [ours, theirs]: readonly [Key, Key],
): Verdict {
  const [values, bases] = [rounds[ours].map(p50.of), rounds[theirs].map(p50.of)]
  return judge(
    line,
    values.map((value, round) => value - bases[round]!),
    { value: `${median(values).toFixed(2)} ms`, base: `${median(bases).toFixed(2)} ms` },
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

export function verdictTable(verdicts: readonly Verdict[]): string {
  const head = ['line', 'what', 'measured', 'compared with', 'figure', 'to reach', 'verdict']
  const rows = [head, ...verdicts.map(cellsOf)]
  return rows.map(cells => alignedRow(cells, rows)).join('\n')
}

const alignedRow = (cells: readonly string[], rows: readonly (readonly string[])[]) =>
  cells
    .map((cell, column) => cell.padEnd(Math.max(...rows.map(each => each[column]!.length))))
    .join('  ')
    .trimEnd()

function cellsOf(verdict: Verdict): string[] {
  const { id, what, value, against, base, low, high, reached, figure, sense, reach, unit } = verdict
  const number = (each: number) => each.toFixed({ x: 2, KiB: 1, ms: 1 }[unit])
  const spread = low === high ? '' : ` (${number(low)}-${number(high)})`
  return [
    ...[id, what, value, base === '' ? against : `${base}, ${against}`],
    `${number(figure)} ${unit}${spread}`,
    `${sense} ${number(reach)} ${unit}`,
    reached ? 'reached' : 'short',
  ]
}
