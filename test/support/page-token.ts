// Tokens of a portal for its pages.
import { createHmac } from 'node:crypto'

export const pageSecret = 'a-secret-of-the-portal-with-32-bytes'

/** Settings for pages of this origin with such tokens, of users of `localhost`. `secrets` is a file with the secret. */
export const settingsForPages = (origin: string, secrets: string) => ({
  PAGE_ORIGINS: origin,
  PAGE_TOKEN_SECRET_FILE: secrets,
  PAGE_TOKEN_AUDIENCE: 'chat',
  PAGE_TOKEN_JID: '{sub}@localhost',
  XMPP_SERVICE_ACCOUNTS: 'localhost=portal:secret-of-portal',
})

/** What a backend writes with any JWT library: for alice, for five minutes. */
export function pageToken(claims: object = {}, secret = pageSecret): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 300
  const content = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'alice', aud: 'chat', exp, ...claims })}`
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}
