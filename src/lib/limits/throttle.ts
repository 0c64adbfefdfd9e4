import type { Clock } from '../clock.js'
import { forgetOldest } from './forget-oldest.js'

const interval = 60_000
const mostKeys = 10_000

/** Returns true at most once a minute for each key. */
export function onceAMinute<Key = void>(clock: Pick<Clock, 'now'>): (key: Key) => boolean {
  const last = new Map<Key, number>()
  return key => {
    const now = clock.now()
    if (now - (last.get(key) ?? Number.NEGATIVE_INFINITY) < interval) return false
    last.set(key, now)
    return true
  }
}

/** Returns, at most once a minute for each key, the number of calls since the last return. */
export function countedOnceAMinute<Key extends string>(clock: Pick<Clock, 'now'>): (key: Key) => number | undefined {
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
