// A portal may send parameters of its own along. But a backend that sends `pasword` or `attach-binding` relies on it.
import { type ParameterName, parameterNames } from './parameters.js'

/** Shorter names are one letter away from too many words: `jid` from `uid`, `wait` from `want`. */
const longEnough = 5

/** `csrf_token` is not among them: forms of other applications have tokens of their own, of all sorts of names. */
const known = parameterNames.filter(name => name !== 'csrf_token')
const byFoldedName = new Map(known.map(name => [folded(name), name]))
const longest = Math.max(...known.map(name => name.length)) + 1

/** The parameter that an unknown name is most likely meant to be; undefined where it is not like any. */
export function likelyParameter(name: string): ParameterName | undefined {
  // Frameworks add parameters that begin with an underscore. A name that is too long costs no comparison.
  if (name.length > longest || name.startsWith('_')) return undefined
  const text = folded(name)
  const same = byFoldedName.get(text)
  if (same !== undefined) return same
  for (const [other, parameter] of byFoldedName)
    if (other.length >= longEnough && isOneSlip(text, other)) return parameter
  return undefined
}

/** Without what differs between ways to write a name of several words. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[-_. ]/g, '')
}

/** Whether one letter is missing, added or replaced, or two have changed places. */
function isOneSlip(text: string, other: string): boolean {
  let start = 0
  while (start < text.length && text[start] === other[start]) start += 1
  let end = 0
  const most = Math.min(text.length, other.length) - start
  while (end < most && text.at(-1 - end) === other.at(-1 - end)) end += 1
  const left = text.slice(start, text.length - end)
  const right = other.slice(start, other.length - end)
  if (left.length <= 1 && right.length <= 1) return true
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0]
}
