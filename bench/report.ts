// The verdicts as people read them: a table on the terminal.
import type { Line, Verdict } from './lines.js'

/** One row a line; those that fall short are followed by where the CPU went. */
export function summary(verdicts: readonly Verdict[]): string {
  const head = ['line', 'what', 'measured', 'compared with', 'figure', 'to reach', 'verdict']
  const rows = verdicts.map(cellsOf)
  const widths = head.map((word, column) =>
    Math.max(word.length, ...rows.map(cells => cells[column]!.length)),
  )
  const written = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  const lines = verdicts.flatMap((verdict, index) => [
    written(rows[index]!),
    ...(verdict.reached ? [] : verdict.beside.map(text => `      ${text}`)),
  ])
  return [written(head), ...lines].join('\n')
}

/** A verdict's cells, in the order of the table. */
export function cellsOf(verdict: Verdict): string[] {
  const { id, what, value, against, base, low, high, reached } = verdict
  const spread = low === high ? '' : ` (${number(verdict, low)}-${number(verdict, high)})`
  return [
    id,
    what,
    value,
    base === '' ? against : `${base}, ${against}`,
    `${written(verdict, verdict.figure)}${spread}`,
    aim(verdict),
    reached ? 'reached' : 'short',
  ]
}

function aim(line: Line): string {
  if (line.unit === 'lost') return 'none'
  return `${line.sense} ${written(line, line.reach)}`
}

function written(line: Line, value: number): string {
  return line.unit === 'x' ? `${number(line, value)} x` : `${number(line, value)} ${line.unit}`
}

function number({ unit }: Line, value: number): string {
  return value.toFixed({ x: 2, KiB: 1, ms: 1, lost: 0 }[unit])
}
