import { memoryUsage } from 'node:process'
import type { Clock } from '../lib/clock.js'
import { askAll } from '../processes/exchanges/ask-all.js'
import type { Nodes } from '../processes/nodes.js'
import { type RecentWarms, summaryOf, type WarmSummary, type WarmTally } from './recent-warms.js'

interface Figures {
  /** Resident memory and heap, in bytes. */
  readonly memory: number
  readonly heap: number
  readonly sessions: number
  /** Age in milliseconds. */
  readonly age: number
  readonly warms: WarmTally
}

/** Figures are absent if the process did not answer within a second. */
export interface ProcessView extends Partial<Omit<Figures, 'warms'>> {
  readonly name: string
  readonly place: string | undefined
  readonly isOwn: boolean
  readonly state: 'live' | 'silent' | 'draining'
}

export interface Overview {
  readonly own: Pick<Figures, 'memory' | 'heap'>
  readonly warms: WarmSummary
  readonly processes: readonly ProcessView[] | undefined
}

export interface OverviewParts {
  readonly nodes?: Nodes | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly recentWarms: RecentWarms
  readonly place: string
  readonly registry: { readonly size: number; readonly takesSessions: boolean }
}

export function createOverview({ nodes, clock, recentWarms, place, registry }: OverviewParts) {
  const started = clock.now()
  const measure = (): Figures => {
    const { rss: memory, heapUsed: heap } = memoryUsage()
    return { memory, heap, sessions: registry.size, age: clock.now() - started, warms: recentWarms.tally() }
  }
  nodes?.answer('process', measure)

  return async (): Promise<Overview> => {
    const own = measure()
    if (nodes === undefined) return { own, warms: summaryOf([own.warms]), processes: undefined }
    const { answers } = await askAll<Figures>(nodes, 'process', null)
    const answered = new Map(answers)
    const processes: ProcessView[] = [
      ...nodes.others.map(({ name, isSilent, isDraining, about }) => {
        const figures = answered.get(name)
        const state = isSilent || figures === undefined ? 'silent' : isDraining ? 'draining' : 'live'
        return { ...figures, name, place: about?.place, isOwn: false, state } as const
      }),
      ...nodes.lost.map(name => ({ name, place: undefined, isOwn: false, state: 'silent' }) as const),
      { ...own, name: nodes.self, place, isOwn: true, state: registry.takesSessions ? 'live' : 'draining' },
    ]
    return {
      own,
      warms: summaryOf([own.warms, ...answers.map(([, { warms }]) => warms)]),
      processes: processes.sort((a, b) => (a.name < b.name ? -1 : 1)),
    }
  }
}
