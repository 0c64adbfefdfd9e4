import type { Request } from 'express'
import { type ClientRules, countsAsEncrypted } from '../http/access/client-rules.js'

/** Browsers may reject cookies above 4,096 bytes, including name and attributes (RFC 6265 §6.1). */
export const longestSealed = 3_500
/** More cookies of the same name are ignored. Other hosts of the domain can set any number. */
const mostCookies = 4

export function sealedCookie(
  config: ClientRules,
  request: Request,
  { name, path, sealed, seconds }: { name: string; path: string; sealed: string; seconds: number },
): string {
  // Some proxies do not send the scheme, but `Origin` contains it.
  const isSecure = countsAsEncrypted(request, config) || request.headers.origin?.startsWith('https:') === true
  return `${name}=${sealed}; Path=${path}; HttpOnly; SameSite=Strict; Max-Age=${seconds}${isSecure ? '; Secure' : ''}`
}

export function openedCookie<T>({ headers }: Request, name: string, open: (sealed: string) => T | undefined) {
  const start = `${name}=`
  const cookies = (headers.cookie ?? '').split(';').map(cookie => cookie.trim())
  return cookies
    .filter(cookie => cookie.startsWith(start) && cookie.length <= start.length + longestSealed)
    .slice(0, mostCookies)
    .map(cookie => open(cookie.slice(start.length)))
    .find(opened => opened !== undefined)
}
