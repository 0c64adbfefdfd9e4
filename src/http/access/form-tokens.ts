import { openText, sealText } from '../../lib/secrets/sealed-text.js'
import type { SecretKeys } from '../../lib/secrets/secret-hashes.js'

const lifetime = 3_600_000

export type FormTokens = ReturnType<typeof createFormTokens>

export function createFormTokens(keys: SecretKeys, now: () => number) {
  const tokenFor = (admin: string) => ({ label: 'form', owner: admin })
  const resultFor = (owner: readonly string[]) => ({ label: 'result', owner: JSON.stringify(owner) })
  return {
    token(admin: string): string {
      return sealText(keys()[0], tokenFor(admin), Buffer.from(String(now() + lifetime)))
    },
    accepts(admin: string, token: unknown): boolean {
      const expiry = openText(keys(), tokenFor(admin), String(token))
      return expiry !== undefined && Number(expiry.toString()) > now()
    },
    /** Seals a result, which the owner's browser stores. */
    seal(owner: readonly string[], seconds: number, result: object): string {
      const text = JSON.stringify({ until: now() + seconds * 1000, result })
      return sealText(keys()[0], resultFor(owner), Buffer.from(text))
    },
    /** `until` is in Unix milliseconds. */
    open(owner: readonly string[], sealed: string) {
      const opened = openText(keys(), resultFor(owner), sealed)
      if (opened === undefined) return undefined
      const { until, result } = JSON.parse(opened.toString()) as { until: number; result: unknown }
      const seconds = Math.ceil((until - now()) / 1000)
      return seconds > 0 ? { until, seconds, result } : undefined
    },
  }
}
