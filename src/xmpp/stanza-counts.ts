import { smNamespace, stanzaErrorNamespace } from './namespaces.js'
import { attribute } from './xml/escape.js'

/** Counts begin again at this number (XEP-0198 §4). */
const wrap = 2 ** 32

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

/** Newly acknowledged stanzas. Negative: more were acknowledged before. Undefined if the count exceeds `sent`. */
export function stanzasUpTo(count: number, acknowledged: number, sent: number): number | undefined {
  const arrived = (count - acknowledged + wrap) % wrap
  if (arrived >= wrap / 2) return arrived - wrap
  return arrived <= sent ? arrived : undefined
}

/** The refusal of stream management that a client cannot use here. */
export function unexpectedRequest(namespace = smNamespace): string {
  return `<failed xmlns='${namespace}'><unexpected-request xmlns='${stanzaErrorNamespace}'/></failed>`
}
