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

type Tell = (count: number) => void

/** Tells the first call for a key at once, and later ones together when their minute is over. Returns false for those. */
export function toldOnceAMinute<Key extends string>(clock: Clock): (key: Key, tell: Tell) => boolean {
  /** Oldest minute first. */
  const counted = new Map<Key, { since: number; untold: number; tell: Tell }>()
  let isTimed = false
  const tellDue = () => {
    const now = clock.now()
    for (const [key, { since, untold, tell }] of counted) {
      if (now - since < interval && counted.size <= mostKeys) break
      counted.delete(key)
      if (untold === 0) continue
      if (now - since >= interval) counted.set(key, { since: now, untold: 0, tell })
      tell(untold)
    }
  }
  const onTime = () => {
    tellDue()
    const [oldest] = counted.values()
    isTimed = oldest !== undefined
    if (oldest !== undefined) clock.after(Math.max(0, oldest.since + interval - clock.now()), onTime)
  }
  return (key, tell) => {
    const known = counted.get(key)
    if (known !== undefined) {
      known.untold += 1
      known.tell = tell
      return false
    }
    counted.set(key, { since: clock.now(), untold: 0, tell })
    if (counted.size > mostKeys) tellDue()
    if (!isTimed) clock.after(interval, onTime)
    isTimed = true
    tell(1)
    return true
  }
}
