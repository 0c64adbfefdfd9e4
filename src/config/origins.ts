import { readList } from './list.js'
import type { Report } from './settings.js'

/** Reads origins as browsers write them in `Origin` (RFC 6454 §6.2), `*` for any, or `none`. */
export function readOrigins(text: string, report: Report): string[] {
  if (text === '*') return ['*']
  if (text === 'none') return []
  const entries = readList(text)
  if (entries.length === 0) report('must have an origin such as https://www.example.org, * for any, or none')
  const origins = entries.map(entry => {
    // A browser has no origin with a star in it, so that one would never match.
    const url = URL.canParse(entry) && !entry.includes('*') ? new URL(entry) : undefined
    if (url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`)
      return url.origin
    return report(`has "${entry}", which is no origin such as https://www.example.org`)
  })
  return [...new Set(origins.filter(origin => origin !== undefined))]
}
