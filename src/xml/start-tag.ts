import { escapeXml } from './escape.js'
import type { Declarations } from './root.js'

/** Writes a start tag with these declarations. */
export function startTag(name: string, { defaultNamespace, prefixes, namespaces }: Declarations): string {
  let start = defaultNamespace === '' ? `<${name}` : `<${name} xmlns='${escapeXml(defaultNamespace)}'`
  for (let index = 0; index < prefixes.length; index++) {
    start += ` xmlns:${prefixes[index]}='${escapeXml(namespaces[index]!)}'`
  }
  return `${start}>`
}

const attribute = /[ \t\r\n]+([^ \t\r\n=/>]+)[ \t\r\n]*=[ \t\r\n]*(?:"[^"]*"|'[^']*')/y

/** Gives the prefixes in a set, of which the empty one is the default namespace, another one in the start tag that a well-formed element begins with. */
export function redeclare(text: string, prefixes: ReadonlySet<string>, namespace: string): string {
  let at = /^<[^ \t\r\n/>]+/.exec(text)![0].length
  let changed = text.slice(0, at)
  for (;;) {
    attribute.lastIndex = at
    const match = attribute.exec(text)
    if (match === null) return changed + text.slice(at)
    const [whole, name = ''] = match
    const prefix = name === 'xmlns' ? '' : name.startsWith('xmlns:') ? name.slice(6) : undefined
    changed += prefix !== undefined && prefixes.has(prefix) ? ` ${name}='${escapeXml(namespace)}'` : whole
    at += whole.length
  }
}
