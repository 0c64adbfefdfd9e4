import type { Clock } from './clock.js'

const interval = 60_000

/** Whether it is a minute since this last answered yes for the key: for what is worth no more lines in the log. */
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
 * Counts things of which the log has one line a minute for each key. Returns how many there were since the last line, this
 * one included; undefined if no line is due.
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
