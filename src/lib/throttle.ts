import type { Clock } from './clock.js'

const interval = 60_000

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
export function countedOnceAMinute<Key>(clock: Pick<Clock, 'now'>): (key: Key) => number | undefined {
  const isDue = onceAMinute<Key>(clock)
  const untold = new Map<Key, number>()
  return key => {
    const count = (untold.get(key) ?? 0) + 1
    const due = isDue(key)
    untold.set(key, due ? 0 : count)
    return due ? count : undefined
  }
}
