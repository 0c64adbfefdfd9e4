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
