import type { Logger } from 'pino'
import type { Clock } from '../clock.js'
import { type Counts, type Limit, limits } from '../counts.js'

/** Called for each refusal by a limit. `about` adds fields to the log line. */
export type OnRefused = (limit: Limit, about?: object) => void

export interface RefusalsParts {
  readonly counts: Pick<Counts, 'refused'>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Logger
}

/** Between two lines about a limit, in milliseconds. */
const interval = 60_000

/** Counts refusals, and logs each limit at once and then once a minute. */
export function createRefusals({ counts, clock, log }: RefusalsParts): OnRefused {
  /** Refusals since the last line. An entry stays for one interval. */
  const untold = new Map<Limit, { refused: number; about: object | undefined }>()

  function write(limit: Limit, refused: number, about: object | undefined): void {
    log.warn({ limit, setting: limits[limit], refused, ...about }, 'a limit was reached')
    const next = { refused: 0, about }
    untold.set(limit, next)
    clock.after(interval, () => {
      if (next.refused > 0) write(limit, next.refused, next.about)
      else untold.delete(limit)
    })
  }

  return (limit, about) => {
    counts.refused[limit] += 1
    const waiting = untold.get(limit)
    if (waiting === undefined) write(limit, 1, about)
    else {
      waiting.refused += 1
      waiting.about = about
    }
  }
}
