import type { IncomingHttpHeaders } from 'node:http'
import { bodyFormat } from '../bodies/read-body.js'

/** `xhtml` and `html` differ only in their content type. */
export type Representation = 'json' | 'xhtml' | 'html'

const mostRanges = 100
const longestParameters = 200

// RFC 9110 §12.5.1. `exactness`: 3 for a full type, 2 for `text/*`, 1 for `*/*`, 0 for no match.
const unwanted = { quality: 0, exactness: 0, place: Number.MAX_SAFE_INTEGER }

type Preference = Readonly<typeof unwanted>

/** Returns XHTML only if the client names XHTML, because other clients would save the page as a file. */
export function negotiate(headers: IncomingHttpHeaders, usual = formatOf(headers)): Representation {
  if (headers.accept === 'application/json') return 'json'
  const ranges = parseAccept(headers.accept ?? '')
  if (ranges.size === (ranges.has('*/*') ? 1 : 0)) return usual

  const json = preferred(preferenceFor(ranges, 'application/json'), preferenceFor(ranges, 'application/problem+json'))
  const html = preferenceFor(ranges, 'text/html')
  const xhtml = preferenceFor(ranges, 'application/xhtml+xml')
  // `application/*` may mean XHTML, so JSON counts only by its full name.
  if (json.quality > 0 && json.exactness === 3 && preferred(json, preferred(html, xhtml)) === json) return 'json'
  return xhtml.exactness === 3 && xhtml.quality > 0 && xhtml.quality >= html.quality ? 'xhtml' : 'html'
}

function formatOf(headers: IncomingHttpHeaders): Representation {
  return bodyFormat(headers['content-type']) === 'json' ? 'json' : 'html'
}

function parseAccept(header: string) {
  const ranges = new Map<string, Omit<Preference, 'exactness'>>()
  for (const [place, item] of header.split(',', mostRanges).entries()) {
    const semicolon = item.indexOf(';')
    const type = (semicolon === -1 ? item : item.slice(0, semicolon)).trim().toLowerCase()
    if (type === '' || ranges.has(type)) continue
    const parameters = semicolon === -1 ? '' : item.slice(semicolon, semicolon + longestParameters)
    const q = /;\s*q\s*=\s*([^;]*)/i.exec(parameters)?.[1]
    ranges.set(type, { quality: q === undefined ? 1 : Number.parseFloat(q) || 0, place })
  }
  return ranges
}

function preferenceFor(ranges: ReturnType<typeof parseAccept>, type: string): Preference {
  const fitting = [type, type.replace(/\/.*/, '/*'), '*/*']
  const at = fitting.findIndex(name => ranges.has(name))
  return at === -1 ? unwanted : { ...ranges.get(fitting[at]!)!, exactness: 3 - at }
}

function preferred(a: Preference, b: Preference): Preference {
  const order = b.quality - a.quality || b.exactness - a.exactness || a.place - b.place
  return order > 0 ? b : a
}
