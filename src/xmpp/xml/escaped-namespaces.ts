import { copyOf } from './copy-of.js'
import { escapeXml } from './escape.js'

const escaped = new Map<string, string>()
const mostEscaped = 64
const longest = 1024

/** Cached: thousands of children may declare the same namespace. */
export function escapeNamespace(namespace: string): string {
  if (namespace.length > longest) return escapeXml(namespace)
  let value = escaped.get(namespace)
  if (value === undefined) {
    const key = copyOf(namespace)
    value = escapeXml(key)
    if (escaped.size >= mostEscaped) escaped.clear()
    escaped.set(key, value)
  }
  return value
}
