import { memoryUsage } from 'node:process'
import type { Clock } from '../lib/clock.js'
import { askAll } from '../processes/exchanges/ask-all.js'
import type { Nodes } from '../processes/nodes.js'
import { type RecentWarms, summaryOf, type WarmSummary, type WarmTally } from './recent-warms.js'

interface Told {
  /** Resident set and heap, in bytes. */
  readonly memory: number
  readonly heap: number
  readonly sessions: number
  /** In milliseconds. */
  readonly age: number
  readonly warms: WarmTally
}

/** Without figures if the process did not answer within a second. */
export interface ProcessView extends Partial<Omit<Told, 'warms'>> {
  readonly name: string
  readonly place: string | undefined
  readonly isOwn: boolean
  readonly state: 'live' | 'silent' | 'draining'
}

export interface Overview {
  readonly own: Pick<Told, 'memory' | 'heap'>
  /** Of all processes that answered. */
  readonly warms: WarmSummary
  /** By name. Undefined if there is only one process. */
  readonly processes: readonly ProcessView[] | undefined
}

export interface ProcessesParts {
  readonly nodes?: Nodes | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly recentWarms: RecentWarms
  readonly place: string
  readonly registry: { readonly size: number; readonly takesSessions: boolean }
}

export type LookAtProcesses = () => Promise<Overview>

export function processes({ nodes, clock, recentWarms, place, registry }: ProcessesParts): LookAtProcesses {
  const started = clock.now()
  const tell = (): Told => {
    const { rss: memory, heapUsed: heap } = memoryUsage()
    return { memory, heap, sessions: registry.size, age: clock.now() - started, warms: recentWarms.tally() }
  }
  nodes?.answer('process', tell)

  return async () => {
    const own = tell()
    if (nodes === undefined) return { own, warms: summaryOf([own.warms]), processes: undefined }
    const { answers } = await askAll<Told>(nodes, 'process', null)
    const told = new Map(answers)
    const others = nodes.others.map(({ name, isSilent, isDraining, about }): ProcessView => {
      const answer = told.get(name)
      const state = isSilent || answer === undefined ? 'silent' : isDraining ? 'draining' : 'live'
      return { ...answer, name, place: about?.place, isOwn: false, state }
    })
    const lost = nodes.lost.map(
      (name): ProcessView => ({ name, place: undefined, isOwn: false, state: 'silent' }),
    )
    const self: ProcessView = {
      ...own,
      name: nodes.self,
      place,
      isOwn: true,
      state: registry.takesSessions ? 'live' : 'draining',
    }
    return {
      own,
      warms: summaryOf([own.warms, ...answers.map(([, { warms }]) => warms)]),
      processes: [...others, ...lost, self].sort((a, b) => (a.name < b.name ? -1 : 1)),
    }
  }
}
