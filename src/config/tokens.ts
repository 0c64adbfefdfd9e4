import { readList } from './list.js'
import type { Report } from './settings.js'

/** Reads names of headers or methods (`token` of RFC 9110 §5.6.2), each once. */
export function readTokens(text: string, report: Report): string[] {
  const tokens = readList(text)
  if (tokens.length === 0) report('must have a name, such as Content-Type or POST')
  for (const token of tokens)
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(token)) report(`has "${token}", which is no name of a header or method`)
  return [...new Set(tokens)]
}
