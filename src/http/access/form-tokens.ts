import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Admin } from '../../config/config.js'
import { slowKey } from '../../lib/slow-key.js'

/** Validity of a token, in milliseconds. */
const lifetime = 3_600_000

export type FormTokens = ReturnType<typeof createFormTokens>

/** Random, or derived from the admins' secrets if other processes need the same key. */
export async function formKeyOf(admins: readonly Admin[], others: boolean): Promise<Buffer> {
  if (!others) return randomBytes(32)
  const secrets = JSON.stringify(admins.map(({ name, secret }) => [name, secret]))
  return slowKey(secrets, 'form tokens')
}

export function createFormTokens(key: Buffer, now: () => number) {
  const sign = (admin: string, expiry: string) => createHmac('sha256', key).update(`${expiry}\0${admin}`).digest()
  return {
    token(admin: string): string {
      const expiry = String(Math.ceil(now() + lifetime))
      return `${expiry}.${sign(admin, expiry).toString('base64url')}`
    },
    accepts(admin: string, token: unknown): boolean {
      const [, expiry, signature] = /^(\d{1,15})\.([\w-]{43})$/.exec(String(token)) ?? []
      if (expiry === undefined || signature === undefined) return false
      const isGenuine = timingSafeEqual(sign(admin, expiry), Buffer.from(signature, 'base64url'))
      return isGenuine && Number(expiry) > now()
    },
  }
}
