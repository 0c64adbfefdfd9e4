import type { Clock } from '../clock.js'
import { forgetOldest } from './forget-oldest.js'

const interval = 60_000
/** How many keys are counted at a time. */
const mostKeys = 10_000

/** Returns true at most once a minute for each key, to limit lines in the log. */
export function onceAMinute<Key = void>(clock: Pick<Clock, 'now'>): (key: Key) => boolean {
  /** When each was due last, in milliseconds of the clock. */
  const last = new Map<Key, number>()
  return key => {
    const now = clock.now()
    if (now - (last.get(key) ?? Number.NEGATIVE_INFINITY) < interval) return false
    last.set(key, now)
    return true
  }
}

/**
 * Counts events that have one line a minute in the log, for each key. Returns the number of events since the last line, this one
 * included; undefined if no line is due.
 */
export function countedOnceAMinute<Key extends string>(
  clock: Pick<Clock, 'now'>,
): (key: Key) => number | undefined {
  const counted = new Map<Key, { since: number; untold: number }>()
  return key => {
    const now = clock.now()
    const known = counted.get(key)
    const count = (known?.untold ?? 0) + 1
    const isDue = known === undefined || now - known.since >= interval
    counted.set(key, { since: isDue ? now : known.since, untold: isDue ? 0 : count })
    forgetOldest(counted, mostKeys)
    return isDue ? count : undefined
  }
}
