import type { Report } from './settings.js'

/** Reads the URL under which browsers reach this service; it comes back without a slash at its end. */
export function readBaseUrl(text: string, report: Report): string | undefined {
  const url = URL.canParse(text) && !/[?#]/.test(text) ? new URL(text) : undefined
  const isBase = url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === ''
  // It becomes the path of a cookie, which a semicolon would end (RFC 6265 §4.1.1).
  if (isBase && url.pathname.includes(';'))
    return report('has a semicolon in its path, where cookies cannot follow')
  if (isBase) return url.href.replace(/\/+$/, '')
  return report('must be an http or https URL without user and query, such as https://chat.example.org')
}
