import type { Clock } from './clock.js'

const interval = 60_000

/**
 * For what may happen at any rate and is worth a line in the log once a minute: whether it is a minute since this last
 * answered yes for the key.
 */
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
