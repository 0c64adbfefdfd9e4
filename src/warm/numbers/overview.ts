import { type Answer, cacheAnswers } from '../../lib/answer-cache.js'
import type { Clock } from '../../lib/clock.js'
import { askAll, type OtherProcesses } from '../../store/other-processes.js'
import { type Capacity, sumOfCapacities } from './capacity.js'
import { type Hour, type HourTally, hourOf, type LastHour } from './last-hour.js'
import { minuteMilliseconds } from './minute-ring.js'
import { type RecentWarms, summaryOf, type WarmSummary, type WarmTally } from './recent-warms.js'

interface Figures {
  readonly capacity: Capacity
  /** In milliseconds. */
  readonly age: number
  readonly warms: WarmTally
}

/** A process that does not answer within a second has no figures. */
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

interface OverviewParts {
  readonly others?: OtherProcesses | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly recentWarms: RecentWarms
  readonly place: string
  readonly registry: { readonly takesSessions: boolean }
  readonly capacity: () => Capacity
}

export function createOverview({ others, clock, recentWarms, place, registry, capacity }: OverviewParts) {
  const started = clock.now()
  const measure = (): Figures => ({
    capacity: capacity(),
    age: clock.now() - started,
    warms: recentWarms.tally(),
  })
  others?.answer('process', measure)

  const read = async (): Promise<Overview> => {
    const own = measure()
    if (others === undefined) return { capacity: own.capacity, warms: summaryOf([own.warms]), processes: undefined }
    const { answers } = await askAll<Figures>(others, 'process', null)
    const answered = new Map(answers)
    const processes: ProcessView[] = [
      ...others.others.map(({ name, isDraining, place }) => {
        const figures = answered.get(name)
        const state = figures === undefined ? 'silent' : isDraining ? 'draining' : 'live'
        return { ...figures, name, place, isOwn: false, state } as const
      }),
      ...others.lost.map(name => ({ name, place: undefined, isOwn: false, state: 'silent' }) as const),
      { ...own, name: others.self, place, isOwn: true, state: registry.takesSessions ? 'live' : 'draining' },
    ]
    return {
      capacity: sumOfCapacities(processes.flatMap(({ capacity }) => capacity ?? [])),
      warms: summaryOf([own.warms, ...answers.map(([, { warms }]) => warms)]),
      processes: processes.sort((a, b) => (a.name < b.name ? -1 : 1)),
    }
  }
  const shared = cacheAnswers(clock, 1, async () => ({ value: await read(), seconds: 0 }))
  return async () => shared('')
}

interface HourParts {
  readonly others?: OtherProcesses | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly lastHour: Pick<LastHour, 'tally'>
}

/** If a process did not answer, the hour is read again after this time. */
const secondsWithoutAll = 5

export function createHourReader({ others, clock, lastHour }: HourParts) {
  others?.answer('hour', () => lastHour.tally())
  const read = async (): Promise<Answer<Hour>> => {
    const end = (Math.floor(clock.now() / minuteMilliseconds) + 1) * minuteMilliseconds
    const { answers, unanswered } = await askAll<HourTally>(others, 'hour', null)
    const value = hourOf([lastHour.tally(), ...answers.map(([, tally]) => tally)])
    const seconds = (end - clock.now()) / 1000
    return { value, seconds: unanswered === undefined ? seconds : Math.min(seconds, secondsWithoutAll) }
  }
  const remembered = cacheAnswers(clock, 1, read)
  return async () => remembered('')
}
