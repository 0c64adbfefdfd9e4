import { hash, randomBytes } from 'node:crypto'
import type { Clock } from '../clock.js'

/** Stores values for `usualSeconds` (0: not at all). `keyOf` returns a hash, so that no secret is stored. */
export function createShortMemory<Value>(clock: Pick<Clock, 'now'>, usualSeconds: number, most = 20_000) {
  const secret = randomBytes(32).toString('base64')
  /** Oldest value first. */
  const remembered = new Map<string, { readonly value: Value; readonly until: number }>()
  return {
    keyOf(about: readonly (string | number)[]): string {
      // Three times as fast as HMAC, and as safe: JSON with appended bytes is invalid, so hashes cannot be extended.
      return hash('sha256', secret + JSON.stringify(about), 'base64')
    },
    recall(key: string): Value | undefined {
      const known = remembered.get(key)
      if (known !== undefined && known.until > clock.now()) return known.value
      remembered.delete(key)
      return undefined
    },
    remember(key: string, value: Value, seconds = usualSeconds): void {
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
