// A browser sends an admin's Basic credentials along with any form, from whatever site. What may come from the service's
// own form alone is told apart here, by the browser's headers and by a token that only the form has.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const lifetimeMs = 3_600_000

/** Tokens for the warm form. */
export interface FormTokens {
  /** Makes a token for this admin, good for an hour. */
  issue(admin: string): string
  /** Whether the token was made for this admin, by this process, within the hour. */
  accepts(admin: string, token: unknown): boolean
}

/** Tokens that need no memory: expiry and HMAC, under a key that this process alone has. `now` is in milliseconds. */
export function createFormTokens(now: () => number): FormTokens {
  const key = randomBytes(32)
  const sign = (admin: string, expiry: string) =>
    createHmac('sha256', key).update(`${expiry}\0${admin}`).digest()
  return {
    issue(admin) {
      const expiry = String(Math.ceil(now() + lifetimeMs))
      return `${expiry}.${sign(admin, expiry).toString('base64url')}`
    },
    accepts(admin, token) {
      const [, expiry, signature] = /^(\d{1,15})\.([\w-]{43})$/.exec(String(token)) ?? []
      if (expiry === undefined || signature === undefined) return false
      const genuine = timingSafeEqual(sign(admin, expiry), Buffer.from(signature, 'base64url'))
      return genuine && Number(expiry) > now()
    },
  }
}

/** What a request says of the page that it was sent from, and what would be this service's own. */
export interface Sender {
  /** The header `Origin`. */
  readonly origin: string | undefined
  /** The header `Sec-Fetch-Site`. */
  readonly fetchSite: string | undefined
  /** The header `Host`. */
  readonly host: string | undefined
  /** The service's public URL, where the operator has set one. */
  readonly externalUrl: string | undefined
}

/**
 * Where a form came from: a `program` sends neither header and needs no token; what comes from `here` needs one, and so
 * does a browser that hides the origin; anything else is from `elsewhere` and refused whatever it brings.
 */
export function placeSender({
  origin,
  fetchSite,
  host,
  externalUrl,
}: Sender): 'program' | 'here' | 'elsewhere' {
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
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}
