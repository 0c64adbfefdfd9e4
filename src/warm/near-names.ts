// Names of parameters that are most likely slips of the pen. A portal may send whatever it likes along, but who writes
// `pasword` or `attach-binding` believes that it counts.
import { type ParameterName, parameterNames } from './allowed-values.js'

/** Shorter names differ from too many words by one letter: `jid` from `uid`, `wait` from `want`. */
const longEnough = 5

/** A form of another application has a token of its own, under whatever name. */
const known = parameterNames.filter(name => name !== 'csrf_token')
const byFolded = new Map(known.map(name => [folded(name), name]))
const longest = Math.max(...known.map(name => name.length)) + 1

/** The parameter that an unknown name was most likely meant to be; undefined where it is not like any. */
export function nearName(name: string): ParameterName | undefined {
  // One that begins so is a framework's own, such as `_token`. No longer name is like any, and costs nothing.
  if (name.length > longest || name.startsWith('_')) return undefined
  const text = folded(name)
  const same = byFolded.get(text)
  if (same !== undefined) return same
  for (const [other, meant] of byFolded)
    if (other.length >= longEnough && isOneSlip(text, other)) return meant
  return undefined
}

/** As others write names of several words. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[-_. ]/g, '')
}

/** Whether one letter is missing, too many or another, or two have changed places. */
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
