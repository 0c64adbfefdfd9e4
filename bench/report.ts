// Turns the rounds' figures into a table and a verdict.
import type { Figures, Target } from './work.js'

/** One comparison: the figures of each target, round by round. */
export interface Comparison {
  readonly title: string
  /** What is counted, in the plural. */
  readonly unit: string
  /** The ratio product/peer to reach; absent where nothing is promised. */
  readonly aim?: number
  /** Whose endpoint the peer is; Prosody's unless it says another. */
  readonly peer?: string
  readonly rounds: Partial<Record<Target['kind'], Figures[]>>
}

const names = { product: 'the service', raw: 'bare XMPP stream' }

/** The comparison as lines of text. */
export function table(comparison: Comparison): string {
  const { title, unit, peer = 'Prosody', rounds } = comparison
  const lines = ['', title, row('', `${unit}/s`, 'min-max', 'p50 ms', 'p99 ms', 'CPU us each, by process')]
  for (const kind of ['product', 'peer', 'raw'] as const) {
    const figures = rounds[kind]
    if (!figures?.length) continue
    const rates = figures.map(each => each.perSecond)
    const of = (pick: (each: Figures) => number) => median(figures.map(pick)).toFixed(1)
    const range = `${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)}`
    const cpu = Object.keys(figures[0]?.cpuMicroseconds ?? {})
      .map(name => `${name} ${of(each => each.cpuMicroseconds[name] ?? 0)}`)
      .join(', ')
    lines.push(
      row(
        kind === 'peer' ? `${peer}'s own endpoint` : names[kind],
        median(rates).toFixed(0),
        range,
        of(each => each.p50Milliseconds),
        of(each => each.p99Milliseconds),
        cpu,
      ),
    )
  }
  lines.push(verdict(comparison))
  return lines.join('\n')
}

/** The ratios product/peer of the rounds; empty when one of the two was not measured. */
export function ratios({ rounds }: Comparison): number[] {
  const peers = rounds.peer ?? []
  return (rounds.product ?? []).flatMap((figures, round) => {
    const peer = peers[round]
    return peer ? [figures.perSecond / peer.perSecond] : []
  })
}

function verdict(comparison: Comparison): string {
  const all = ratios(comparison)
  if (all.length === 0) return '  no ratio: only one side was measured'
  const middle = median(all)
  const said = `  service / ${comparison.peer ?? 'Prosody'}: ${middle.toFixed(2)} (${Math.min(...all).toFixed(2)}-${Math.max(...all).toFixed(2)})`
  if (comparison.aim === undefined) return said
  return `${said}, aim ${comparison.aim}: ${middle >= comparison.aim ? 'REACHED' : 'MISSED'}`
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2
}

function row(name: string, ...cells: string[]): string {
  const last = cells.pop() ?? ''
  return `  ${name.padEnd(24)}${cells.map(cell => cell.padStart(12)).join('')}   ${last}`.trimEnd()
}
