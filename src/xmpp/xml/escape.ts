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

let latest = { namespace: '', escaped: '' }

/** Remembers the latest, because thousands of children may inherit the same namespace. */
export function escapeNamespace(namespace: string): string {
  if (namespace !== latest.namespace) {
    const copy = copyOf(namespace)
    latest = { namespace: copy, escaped: escapeXml(copy) }
  }
  return latest.escaped
}
