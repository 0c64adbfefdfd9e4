import type { Clock } from '../../lib/clock.js'
import { askAll } from '../../processes/exchanges/ask-all.js'
import type { Nodes } from '../../processes/nodes.js'
import { type Capacity, sumOfCapacities } from './capacity.js'
import { type Hour, type HourTally, hourOf, type LastHour } from './last-hour.js'
import { type RecentWarms, summaryOf, type WarmSummary, type WarmTally } from './recent-warms.js'

interface Figures {
  readonly capacity: Capacity
  /** Age in milliseconds. */
  readonly age: number
  readonly warms: WarmTally
}

/** No figures without an answer within a second. */
export interface ProcessView extends Partial<Omit<Figures, 'warms'>> {
  readonly name: string
  readonly place: string | undefined
  readonly isOwn: boolean
  readonly state: 'live' | 'silent' | 'draining'
}

export interface Overview {
  readonly capacity: Capacity
  readonly warms: WarmSummary
  readonly processes: readonly ProcessView[] | undefined
}

export interface OverviewParts {
  readonly nodes?: Nodes | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly recentWarms: RecentWarms
  readonly place: string
  readonly registry: { readonly takesSessions: boolean }
  readonly capacity: () => Capacity
}

export function createOverview({ nodes, clock, recentWarms, place, registry, capacity }: OverviewParts) {
  const started = clock.now()
  const measure = (): Figures => ({ capacity: capacity(), age: clock.now() - started, warms: recentWarms.tally() })
  nodes?.answer('process', measure)

  return sharing(async (): Promise<Overview> => {
    const own = measure()
    if (nodes === undefined) return { capacity: own.capacity, warms: summaryOf([own.warms]), processes: undefined }
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
      capacity: sumOfCapacities(
        processes.flatMap(({ place, capacity }) => (capacity === undefined ? [] : { place, capacity })),
      ),
      warms: summaryOf([own.warms, ...answers.map(([, { warms }]) => warms)]),
      processes: processes.sort((a, b) => (a.name < b.name ? -1 : 1)),
    }
  })
}

export interface HourParts {
  readonly nodes?: Nodes | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly lastHour: Pick<LastHour, 'tally'>
}

/** Asks other processes once a minute. */
export function createHourReader({ nodes, clock, lastHour }: HourParts): () => Promise<Hour> {
  nodes?.answer('hour', () => lastHour.tally())
  let known: { readonly minute: number; readonly hour: Promise<Hour> } | undefined
  const read = async () => {
    const { answers } = nodes === undefined ? { answers: [] } : await askAll<HourTally>(nodes, 'hour', null)
    return hourOf([lastHour.tally(), ...answers.map(([, tally]) => tally)])
  }
  return () => {
    const minute = Math.floor(clock.now() / 60_000)
    if (known?.minute !== minute) known = { minute, hour: read() }
    return known.hour
  }
}

/** Simultaneous callers share an answer. */
function sharing<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined
  return () => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
}
