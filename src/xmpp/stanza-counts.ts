import { smNamespace, stanzaErrorNamespace } from './namespaces.js'
import { copyOf } from './xml/copy-of.js'
import { attribute } from './xml/escape.js'

/** XEP-0198 §4. */
const wrap = 2 ** 32
const longestStreamId = 4000

export function writeCounting(name: string, attributes = ''): string {
  return `<${name} xmlns='${smNamespace}'${attributes}/>`
}

export const countRequest = writeCounting('r')

export function countAnswer(count: number): string {
  return writeCounting('a', countAttribute(count))
}

export function countAttribute(count: number): string {
  return attribute('h', writeCount(count))
}

export function writeCount(count: number): string {
  return String(count % wrap)
}

export function readCount(text: string | undefined): number | undefined {
  const count = /^\d{1,10}$/.test(text ?? '') ? Number(text) : wrap
  return count < wrap ? count : undefined
}

/** Number of newly acknowledged stanzas. Negative if `count` is old, undefined if `count` is too high. */
export function stanzasUpTo(count: number, acknowledged: number, sent: number): number | undefined {
  const arrived = (count - acknowledged + wrap) % wrap
  if (arrived >= wrap / 2) return arrived - wrap
  return arrived <= sent ? arrived : undefined
}

/** A copy, which outlives its element. Undefined if it is longer than XEP-0198 §5 allows. */
export function readStreamId(id: string | undefined): string | undefined {
  return id !== undefined && id.length <= longestStreamId ? copyOf(id) : undefined
}

export function writeFailed(condition: string, namespace = smNamespace): string {
  return `<failed${attribute('xmlns', namespace)}><${condition} xmlns='${stanzaErrorNamespace}'/></failed>`
}
