import { hash } from 'node:crypto'
import type { Clock } from '../clock.js'
import { randomText } from '../text/random-text.js'

/** The key under which something is remembered; nothing can be read from it. */
export type MemoryKey = string

export type ShortMemory<Value> = ReturnType<typeof createShortMemory<Value>>

/**
 * Remembers something about secrets for so many seconds, with 0 not at all, and `most` of it at a time. It is found by a
 * keyed hash only, with a key that this process made up: the secrets cannot be read from it.
 */
export function createShortMemory<Value>(clock: Pick<Clock, 'now'>, seconds: number, most = 20_000) {
  const secret = randomText(32, 'base64')
  /** What was remembered first, which is over first, is at the front: a Map keeps the order of insertion. */
  const remembered = new Map<MemoryKey, { readonly value: Value; readonly until: number }>()
  return {
    /** What something is remembered under that is known by all of these. */
    keyOf(about: readonly (string | number)[]): MemoryKey {
      // JSON keeps the parts apart whatever they contain, and has an end of its own: nothing can be appended to it. So the
      // plain hash of secret and text is as good as an HMAC, which takes three times as long.
      return hash('sha256', secret + JSON.stringify(about), 'base64')
    },
    recall(key: MemoryKey): Value | undefined {
      const known = remembered.get(key)
      if (known !== undefined && known.until > clock.now()) return known.value
      remembered.delete(key)
      return undefined
    },
    /** Remembers it from now on, also where it was remembered before. */
    remember(key: MemoryKey, value: Value): void {
      if (seconds === 0) return
      const now = clock.now()
      remembered.delete(key)
      for (const [old, { until }] of remembered) {
        if (until > now && remembered.size < most) break
        remembered.delete(old)
      }
      remembered.set(key, { value, until: now + seconds * 1000 })
    },
  }
}
