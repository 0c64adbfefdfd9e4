import { copyOf } from './copy-of.js'

const markup = /[&<>"'\n\r\t]/
const allMarkup = new RegExp(markup, 'g')
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern must match them (XML 1.0 §2.2)
export const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g
const entities: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' }

export function escapeXml(value: string): string {
  if (!markup.test(value)) return value
  return value.replace(allMarkup, character => `&${entities[character] ?? `#${character.charCodeAt(0)}`};`)
}

export function attribute(name: string, value: string | number | undefined): string {
  return value === undefined ? '' : ` ${name}='${typeof value === 'number' ? value : escapeXml(value)}'`
}

/** Removes characters that XML 1.0 §2.2 forbids. Lone surrogates become U+FFFD. */
export function removeForbidden(value: string): string {
  return value.toWellFormed().replace(forbidden, '')
}

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
