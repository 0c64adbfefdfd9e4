import type { Logger } from 'pino'
import type { Clock } from '../clock.js'
import { type Counts, type Limit, limits } from '../counts.js'
import { toldOnceAMinute } from './throttle.js'

/** Called for each refusal by a limit. `about` adds fields to the log line. */
export type OnRefused = (limit: Limit, about?: object) => void

export interface RefusalsParts {
  readonly counts: Pick<Counts, 'refused'>
  readonly clock: Clock
  readonly log: Logger
}

/** Counts refusals, and logs each limit at once and then once a minute. */
export function createRefusals({ counts, clock, log }: RefusalsParts): OnRefused {
  const often = toldOnceAMinute<Limit>(clock)
  return (limit, about) => {
    counts.refused[limit] += 1
    often(limit, refused => log.warn({ limit, setting: limits[limit], refused, ...about }, 'a limit was reached'))
  }
}
