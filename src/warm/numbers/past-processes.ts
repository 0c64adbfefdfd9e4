import type { HourSample, LastHour } from './last-hour.js'
import { minuteMilliseconds, minutesOfHour, type PastMinute } from './minute-ring.js'
import type { RecentWarms, WarmTally } from './recent-warms.js'

const hour = minutesOfHour * minuteMilliseconds

export interface DeadProcess {
  readonly place: string
  /** In milliseconds since 1970. */
  readonly time: number
  readonly sessions: number
}

interface Past {
  readonly time: number
  readonly place: string
  readonly sessions: number
  readonly samples: readonly PastMinute<HourSample>[]
  readonly warms: readonly PastMinute<WarmTally>[]
  readonly losses: readonly DeadProcess[]
}

interface PastProcessesParts {
  /** In milliseconds since 1970. */
  readonly time: () => number
  readonly place: string
  readonly registry: { readonly size: number }
  readonly lastHour: Pick<LastHour, 'pastMinutes' | 'addPast'>
  readonly recentWarms: Pick<RecentWarms, 'pastMinutes' | 'addPast'>
}

/** Adds the numbers of ended processes to this process, so that charts keep these numbers. */
export class PastProcesses {
  readonly #parts: PastProcessesParts
  #losses: readonly DeadProcess[] = []

  constructor(parts: PastProcessesParts) {
    this.#parts = parts
  }

  write(): string {
    const { time, place, registry, lastHour, recentWarms } = this.#parts
    const past: Past = {
      time: time(),
      place,
      sessions: registry.size,
      samples: lastHour.pastMinutes(),
      warms: recentWarms.pastMinutes(),
      losses: this.losses(),
    }
    return JSON.stringify(past)
  }

  take(text: string, hasDied: boolean): void {
    const { lastHour, recentWarms } = this.#parts
    const { time, place, sessions, samples, warms, losses } = JSON.parse(text) as Past
    const now = this.#parts.time()
    const passed = Math.max(0, Math.round((now - time) / minuteMilliseconds))
    const later = <T extends { readonly ago: number }>(each: T): T => ({ ...each, ago: each.ago + passed })
    lastHour.addPast(samples.map(later))
    recentWarms.addPast(warms.map(later))
    this.#losses = [...this.#losses, ...losses, ...(hasDied ? [{ place, time: now, sessions }] : [])]
  }

  losses(): readonly DeadProcess[] {
    const now = this.#parts.time()
    this.#losses = this.#losses.filter(({ time }) => now - time < hour)
    return this.#losses
  }
}
