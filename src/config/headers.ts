import { readList } from './list.js'
import type { Report } from './settings.js'
import { unescaped } from './text.js'

/** Headers that the service writes itself, or that belong to a single connection (RFC 9110 §7.6.1). */
const taken = new Set(
  'connection content-encoding content-length content-type expect host keep-alive te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
)

/** Reads `name=value,…`. Problems tell the name and never the value, which may be a secret. */
export function readHeaders(text: string, report: Report): [string, string][] {
  const headers: [string, string][] = []
  for (const [index, entry] of readList(text).entries()) {
    const [left = '', right = ''] = entry.split(/=(.*)/s, 2)
    const name = left.trim()
    const value = unescaped(right.trim())
    if (!entry.includes('=') || !/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      report(`entry ${index + 1} must be like X-Name=value`)
    else if (taken.has(name.toLowerCase())) report(`has ${name}, which the service writes itself`)
    else if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      report(`has a character in ${name} that no header may have`)
    else headers.push([name, value])
  }
  return headers
}
