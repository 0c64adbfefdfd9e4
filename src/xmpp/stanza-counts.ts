import { smNamespace, stanzaErrorNamespace } from './namespaces.js'
import { attribute } from './xml/escape.js'

/** Counts wrap here (XEP-0198 §4). */
const wrap = 2 ** 32

/** An element of stream management. */
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

/** Undefined if invalid. */
export function readCount(text: string | undefined): number | undefined {
  const count = /^\d{1,10}$/.test(text ?? '') ? Number(text) : wrap
  return count < wrap ? count : undefined
}

/** Negative if the other side acknowledged more before. Undefined if it counts more than `sent`. */
export function stanzasUpTo(count: number, acknowledged: number, sent: number): number | undefined {
  const arrived = (count - acknowledged + wrap) % wrap
  if (arrived >= wrap / 2) return arrived - wrap
  return arrived <= sent ? arrived : undefined
}

/** The answer to stream management that was not asked for, or is the service's own. */
export function unexpectedRequest(namespace = smNamespace): string {
  return `<failed xmlns='${namespace}'><unexpected-request xmlns='${stanzaErrorNamespace}'/></failed>`
}
