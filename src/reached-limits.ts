import type { Logger } from 'pino'
import { type Counts, type Limit, limits } from './counts.js'
import type { Clock } from './lib/clock.js'
import { countedOnceAMinute } from './lib/throttle.js'

/** Called for each session, call, connection or request that a limit refuses; `about` has further fields of the log's line. */
export type OnRefused = (limit: Limit, about?: object) => void

export interface RefusalsParts {
  readonly counts: Pick<Counts, 'refused'>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

/** Counts what limits refuse, and warns once a minute of each limit that does, with the setting that raises it. */
export function createRefusals({ counts, clock, log }: RefusalsParts): OnRefused {
  const untold = countedOnceAMinute<Limit>(clock)
  return (limit, about) => {
    counts.refused[limit] += 1
    const refused = untold(limit)
    if (refused === undefined) return
    log.warn({ limit, setting: limits[limit], refused, ...about }, 'a limit was reached')
  }
}
