import type { Clock } from '../clock.js'

const interval = 60_000

/** The returned function returns true at most once a minute for each key. */
export function onceAMinute<Key = void>(clock: Pick<Clock, 'now'>): (key: Key) => boolean {
  const last = new Map<Key, number>()
  return key => {
    const now = clock.now()
    if (now - (last.get(key) ?? Number.NEGATIVE_INFINITY) < interval) return false
    last.set(key, now)
    return true
  }
}
