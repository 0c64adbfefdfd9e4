import { escapeXml } from './escape.js'
import { endOfSpace, isSpace } from './plain-text.js'
import type { Declarations } from './root.js'

const equals = 0x3d
const slash = 0x2f
const greater = 0x3e

/** Writes a start tag with these declarations. */
export function startTag(name: string, { defaultNamespace, prefixes, namespaces }: Declarations): string {
  let start = defaultNamespace === '' ? `<${name}` : `<${name} xmlns='${escapeXml(defaultNamespace)}'`
  for (let index = 0; index < prefixes.length; index++) {
    start += ` xmlns:${prefixes[index]}='${escapeXml(namespaces[index]!)}'`
  }
  return `${start}>`
}

/** Gives the prefixes in a set, of which the empty one is the default namespace, another one in the start tag that a well-formed element begins with. */
export function redeclare(text: string, prefixes: ReadonlySet<string>, namespace: string): string {
  let changed = ''
  let copied = 0
  let at = endOfWord(text, 1)
  for (;;) {
    const name = endOfSpace(text, at)
    const code = text.charCodeAt(name)
    if (code === slash || code === greater) return changed + text.slice(copied)
    const nameEnd = endOfWord(text, name)
    const quote = endOfSpace(text, endOfSpace(text, nameEnd) + 1)
    const end = text.indexOf(text[quote]!, quote + 1) + 1
    const prefix = declaredPrefix(text.slice(name, nameEnd))
    if (prefix !== undefined && prefixes.has(prefix)) {
      changed += `${text.slice(copied, at)} ${text.slice(name, nameEnd)}='${escapeXml(namespace)}'`
      copied = end
    }
    at = end
  }
}

/** Where the name ends that begins at `at`. */
function endOfWord(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === equals || code === slash || code === greater || isSpace(code)) return at
    at += 1
  }
}

/** The prefix that an attribute declares, the empty one for the default namespace. */
function declaredPrefix(attribute: string): string | undefined {
  if (attribute === 'xmlns') return ''
  return attribute.startsWith('xmlns:') ? attribute.slice(6) : undefined
}
