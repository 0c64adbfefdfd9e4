import type { Report } from './settings.js'

/** Reads the URL under which browsers reach this service; it comes back without a slash at its end. */
export function readBaseUrl(text: string, report: Report): string | undefined {
  const url = URL.canParse(text) && !/[?#]/.test(text) ? new URL(text) : undefined
  const isBase = url !== undefined && /^https?:$/.test(url.protocol) && url.username + url.password === ''
  if (isBase) return url.href.replace(/\/+$/, '')
  return report('must be an http or https URL without user and query, such as https://chat.example.org')
}
