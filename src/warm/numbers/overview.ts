import type { Clock } from '../../lib/clock.js'
import { askAll, type OtherProcesses } from '../../store/other-processes.js'
import { type Capacity, sumOfCapacities } from './capacity.js'
import { type Hour, hourOf, type LastHour, type Minute, type Minutes, mergedMinutes, sumOf } from './last-hour.js'

export const recentMinutes = 15

/** Of the last 15 minutes, including the current minute. */
export const recentOf = (minutes: Minutes): Minute =>
  sumOf(minutes.slice(-recentMinutes).filter(minute => minute !== null))

interface Figures {
  readonly capacity: Capacity
  /** In milliseconds. */
  readonly age: number
  readonly minutes: Minutes
}

/** A process that does not answer within a second has no figures. */
export interface ProcessView extends Partial<Omit<Figures, 'minutes'>> {
  readonly name: string
  readonly place: string | undefined
  readonly isOwn: boolean
  readonly state: 'live' | 'silent' | 'draining'
}

export interface Overview {
  readonly capacity: Capacity
  readonly recent: Minute
  readonly hour: Hour
  /** Undefined if there is only one. */
  readonly processes: readonly ProcessView[] | undefined
}

interface OverviewParts {
  readonly others?: OtherProcesses | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly lastHour: Pick<LastHour, 'minutes'>
  readonly place: string
  readonly registry: { readonly takesSessions: boolean }
  readonly capacity: () => Capacity
}

export function createOverview({ others, clock, lastHour, place, registry, capacity }: OverviewParts) {
  const started = clock.now()
  const measure = (): Figures => ({ capacity: capacity(), age: clock.now() - started, minutes: lastHour.minutes() })
  others?.answer('numbers', measure)

  return async (): Promise<Overview> => {
    const { answers } = await askAll<Figures>(others, 'numbers', null)
    const own = measure()
    const all = [own, ...answers.map(([, figures]) => figures)]
    const minutes = mergedMinutes(all.map(({ minutes }) => minutes))
    return {
      capacity: sumOfCapacities(all.map(({ capacity }) => capacity)),
      recent: recentOf(minutes),
      hour: hourOf(minutes),
      processes: others && describeAll(others, own, new Map(answers)),
    }
  }

  function describeAll({ self, others, lost }: OtherProcesses, own: Figures, answered: Map<string, Figures>) {
    const views: ProcessView[] = [
      ...others.map(({ name, isDraining, place }) => {
        const figures = answered.get(name)
        const state = figures === undefined ? 'silent' : isDraining ? 'draining' : 'live'
        return { ...figures, name, place, isOwn: false, state } as const
      }),
      ...lost.map(name => ({ name, place: undefined, isOwn: false, state: 'silent' }) as const),
      { ...own, name: self, place, isOwn: true, state: registry.takesSessions ? 'live' : 'draining' },
    ]
    return views.sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}
