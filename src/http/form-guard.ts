// A browser sends an admin's Basic credentials along with any form, from any site. Forms of this service are told apart
// from those of other sites by the browser's headers and by a token that only our form has.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Problem } from '../errors.js'
import { bodyFormat } from './read-body.js'

/** How long a token is accepted, in milliseconds. */
const lifetime = 3_600_000

export type FormGuard = ReturnType<typeof createFormGuard>

/**
 * Accepts forms from pages of this service, at `externalUrl` if that is known; tokens are an expiry and its HMAC,
 * stored nowhere. `now` is in milliseconds.
 */
export function createFormGuard(externalUrl: string | undefined, now: () => number) {
  /** Of this process alone. */
  const key = randomBytes(32)
  const sign = (admin: string, expiry: string) =>
    createHmac('sha256', key).update(`${expiry}\0${admin}`).digest()

  /** Whether a token was made for this admin, by this process, within the hour. */
  function accepts(admin: string, token: unknown): boolean {
    const [, expiry, signature] = /^(\d{1,15})\.([\w-]{43})$/.exec(String(token)) ?? []
    if (expiry === undefined || signature === undefined) return false
    const isGenuine = timingSafeEqual(sign(admin, expiry), Buffer.from(signature, 'base64url'))
    return isGenuine && Number(expiry) > now()
  }

  return {
    accepts,
    /** A token for the form that this admin is shown; good for an hour. */
    token(admin: string): string {
      const expiry = String(Math.ceil(now() + lifetime))
      return `${expiry}.${sign(admin, expiry).toString('base64url')}`
    },
    /** Whether our form, no program, sent it with a `token` for this admin. Throws `cross-site-request` for others. */
    isOurForm({ headers }: IncomingMessage, admin: string, token: unknown): boolean {
      // A page of another site cannot send JSON without a preflight, which is answered without CORS headers here. Other
      // types it can send, with a body or without.
      if (bodyFormat(headers['content-type']) === 'json') return false
      const sender = senderOf(headers, externalUrl)
      if (sender === 'program') return false
      if (sender === 'elsewhere') {
        throw new Problem('cross-site-request', {
          detail: 'Behind a proxy that changes the Host header, set EXTERNAL_URL.',
        })
      }
      if (!accepts(admin, token))
        throw new Problem('cross-site-request', { detail: 'Reload the form and send it again.' })
      return true
    },
  }
}

/**
 * What sent a form: a `program` sends neither header and needs no token; a page from `here`, at `externalUrl` if that
 * is known, or a browser that hides the origin, needs one; any other page is refused whatever it sends.
 */
export function senderOf(
  { origin, host, 'sec-fetch-site': fetchSite }: IncomingHttpHeaders,
  externalUrl: string | undefined,
): 'program' | 'here' | 'elsewhere' {
  if (origin === undefined && fetchSite === undefined) return 'program'
  const siteFits = fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none'
  const originFits = origin === undefined || origin === 'null' || isOurs(origin, host, externalUrl)
  return siteFits && originFits ? 'here' : 'elsewhere'
}

function isOurs(origin: string, host: string | undefined, externalUrl: string | undefined): boolean {
  const sent = parse(origin)
  if (sent === undefined) return false
  if (externalUrl !== undefined && sent.origin === parse(externalUrl)?.origin) return true
  // The scheme is the origin's own: behind a proxy that ends TLS we cannot know it.
  return host !== undefined && sent.host === parse(`${sent.protocol}//${host}`)?.host
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}
