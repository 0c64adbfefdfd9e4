import type { Line } from './lines.js'
import type { Figures } from './work.js'

export type Rounds<Key extends string> = Readonly<Record<Key, readonly Figures[]>>

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

function median(values: readonly number[]): number {
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
  rounds: Rounds<Key>,
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

/** Medians of the rounds. */
export function summary(label: string, rounds: readonly Figures[]): string {
  const middle = ({ of, format }: Measure) => format(median(rounds.map(of)))
  const used = Object.keys(rounds[0]!.cpuMicroseconds).map(name => `${name} ${middle(cpu(name))}`)
  return `  ${label}: ${middle(rate)}, p50 ${middle(p50)}, p99 ${middle(p99)}, CPU ${used.join(', ')}`
}
