import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Admin } from '../../config/config.js'
import { openText, sealText } from '../../lib/secrets/sealed-text.js'
import { slowKey } from '../../lib/secrets/slow-key.js'

const lifetime = 3_600_000

export interface OpenedResult {
  /** In Unix milliseconds. */
  readonly until: number
  readonly seconds: number
  readonly result: unknown
}

export type FormTokens = ReturnType<typeof createFormTokens>

/** If `isShared`, all processes derive the same key from the admins' secrets. */
export async function formKeyOf(admins: readonly Admin[], isShared: boolean): Promise<Buffer> {
  if (!isShared) return randomBytes(32)
  const secrets = JSON.stringify(admins.map(({ name, secret }) => [name, secret]))
  return slowKey(secrets, 'form tokens')
}

export function createFormTokens(first: Buffer, now: () => number) {
  let key = first
  let before = first
  let keys = [createSecretKey(first)]
  const purposeOf = (owner: readonly string[]) => ({ label: 'result', owner: JSON.stringify(owner) })
  const sign = (admin: string, expiry: string, by = key) =>
    createHmac('sha256', by).update(`${expiry}\0${admin}`).digest()
  return {
    use(next: Buffer): void {
      if (next.equals(key)) return
      before = key
      key = next
      keys = [createSecretKey(key), createSecretKey(before)]
    },
    token(admin: string): string {
      const expiry = String(Math.ceil(now() + lifetime))
      return `${expiry}.${sign(admin, expiry).toString('base64url')}`
    },
    accepts(admin: string, token: unknown): boolean {
      const [, expiry, signature] = /^(\d{1,15})\.([\w-]{43})$/.exec(String(token)) ?? []
      if (expiry === undefined || signature === undefined) return false
      const shown = Buffer.from(signature, 'base64url')
      const isGenuine = [key, before].some(by => timingSafeEqual(sign(admin, expiry, by), shown))
      return isGenuine && Number(expiry) > now()
    },
    /** Seals a result, which the owner's browser stores. */
    seal(owner: readonly string[], seconds: number, result: object): string {
      const text = JSON.stringify({ until: now() + seconds * 1000, result })
      return sealText(keys[0]!, purposeOf(owner), Buffer.from(text))
    },
    open(owner: readonly string[], sealed: string): OpenedResult | undefined {
      const opened = openText(keys, purposeOf(owner), sealed)
      if (opened === undefined) return undefined
      const { until, result } = JSON.parse(opened.toString()) as { until: number; result: unknown }
      const seconds = Math.ceil((until - now()) / 1000)
      return seconds > 0 ? { until, seconds, result } : undefined
    },
  }
}
