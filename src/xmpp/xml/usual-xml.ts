import { copyOf, keepsTooMuch } from './copy-of.js'
import { type MeantNamespace, streamsNamespace } from './element.js'
import { escapeNamespace } from './escaped-namespaces.js'
import type { XmlLimits } from './limits.js'
import { type Declarations, Root } from './root.js'
import { isSame, isText, longestName, mostAttributes, UsualTag } from './usual-tag.js'
import { endOfSpace, endOfText } from './usual-text.js'

const deepest = 127
/** Few, because prefixes are compared one by one. */
const mostDeclared = 8
const mostDeclarations = 512

const slash = 0x2f
const less = 0x3c
const greater = 0x3e

const none: readonly string[] = []

const stanzas = 'jabber:client'

const xmlDeclaration = "<?xml version='1.0'?>"

/** True if all XML that this reader accepts is within these limits. The splitter checks sizes and children. */
export function allowUsual({ maxDepth, maxAttributes, maxNameLength, maxDeclarations }: XmlLimits): boolean {
  const isNameAllowed = maxAttributes >= mostAttributes && maxNameLength >= longestName
  return maxDepth > deepest && isNameAllowed && maxDeclarations >= mostDeclarations
}

/** Reads usual XML in one pass, with the same results as `ElementReader`. */
class UsualReader {
  end = 0
  readonly #root = new UsualTag()
  readonly #child = new UsualTag()
  readonly #inner = new UsualTag()
  readonly #names = new Int32Array(2 * deepest)
  readonly #inDefault = new Uint8Array(deepest + 1)
  #inherits = false
  readonly #declared: { readonly prefix: string; readonly depth: number }[] = []
  /** Indexes of the root's prefixes that the child uses. */
  #used: number[] = []

  readRoot(text: string): Root | undefined {
    const tag = this.#root
    const start = endOfSpace(text, text.startsWith(xmlDeclaration) ? xmlDeclaration.length : 0)
    if (!tag.read(text, start)) return undefined
    // This reader cannot decode references.
    const reference = text.indexOf('&')
    if (reference >= 0 && reference < tag.end) return undefined
    const { count } = tag
    const names: string[] = new Array(count)
    const values: string[] = new Array(count)
    for (let index = 0; index < count; index++) {
      names[index] = tag.attributeName(text, index)
      values[index] = tag.attributeValue(text, index)
    }
    const declarations = declarationsOf(text, tag)
    const prefix = tag.nameColon === 0 ? undefined : text.slice(tag.name, tag.nameColon)
    const namespace =
      prefix === undefined
        ? declarations.defaultNamespace
        : declarations.namespaces[declarations.prefixes.indexOf(prefix)]
    if (namespace === undefined) return undefined
    if (tag.prefix > 0 && !declarations.prefixes.includes(text.slice(tag.prefix, tag.prefixEnd))) return undefined
    this.end = tag.end
    return new Root(text.slice(tag.name, tag.nameEnd), namespace, names, values, declarations)
  }

  readText(text: string): string | undefined {
    const tag = this.#root
    if (!tag.read(text, 0)) return undefined
    const end = tag.isEmpty ? tag.end : endOfText(text, tag.end)
    const behind = tag.isEmpty ? end : endOfEndTag(text, end, tag.name, tag.nameEnd)
    if (behind !== text.length) return undefined
    const content = text.slice(tag.end, end)
    return content.includes('&') ? undefined : content
  }

  readChild(text: string, start: number, declarations: Declarations, meantNamespace: MeantNamespace) {
    const tag = this.#child
    if (!tag.read(text, start) || tag.declarationsLength > mostDeclarations) return undefined
    const end = this.#readContent(text, declarations)
    if (end < 0) return undefined
    const own = namespaceOf(text, tag, declarations)
    const name = text.slice(tag.nameColon === 0 ? tag.name : tag.nameColon + 1, tag.nameEnd)
    const namespace = meantNamespace(name, own)
    // Only `ElementReader` can change the child's own declaration of its namespace.
    if (namespace !== own && (tag.namespace > 0 || tag.declaredPrefixCount > 0)) return undefined
    this.end = end
    const missing = this.#missingDeclarations(declarations, own, namespace)
    const whole =
      missing === '' ? text.slice(start, end) : text.slice(start, tag.nameEnd) + missing + text.slice(tag.nameEnd, end)
    return keepsTooMuch(whole.length, text.length)
      ? { name: copyOf(name), namespace: namespace === stanzas ? stanzas : copyOf(namespace), text: copyOf(whole) }
      : { name, namespace, text: whole }
  }

  #readContent(text: string, declarations: Declarations): number {
    const child = this.#child
    this.#inherits = child.nameColon === 0 && child.namespace === 0
    if (this.#used.length > 0) this.#used = []
    while (this.#declared.length > 0) this.#declared.pop()
    if (!this.#knowsPrefixes(text, child, declarations)) return -1
    if (child.isEmpty) return child.end
    // Elements inside could inherit the streams namespace, which only `ElementReader` handles.
    if (child.nameColon > 0 && (declarations.defaultNamespace === streamsNamespace || isOfStreams(text, child)))
      return -1
    const names = this.#names
    const inner = this.#inner
    names[0] = child.name
    names[1] = child.nameEnd
    this.#inDefault[0] = child.namespace === 0 ? 1 : 0
    let depth = 0
    let at = child.end
    for (;;) {
      at = endOfText(text, at)
      if (at < 0) return -1
      if (text.charCodeAt(at + 1) === slash) {
        at = endOfEndTag(text, at, names[2 * depth]!, names[2 * depth + 1]!)
        if (at < 0 || depth === 0) return at
        if (this.#declared.length > 0) this.#forget(depth)
        depth -= 1
      } else {
        if (!inner.read(text, at)) return -1
        if (inner.declaredPrefixCount > 0 && !this.#declare(text, depth + 1)) return -1
        if (!this.#knowsPrefixes(text, inner, declarations)) return -1
        if (isOfStreams(text, inner) || this.#hasStreamPrefix(text, declarations)) return -1
        if (child.nameColon > 0) this.#noteDefault(depth)
        at = inner.end
        if (inner.isEmpty) {
          if (inner.declaredPrefixCount > 0) this.#forget(depth + 1)
          continue
        }
        depth += 1
        if (depth === deepest) return -1
        names[2 * depth] = inner.name
        names[2 * depth + 1] = inner.nameEnd
      }
    }
  }

  #declare(text: string, depth: number): boolean {
    const inner = this.#inner
    for (let index = 0; index < inner.count; index++) {
      const prefix = inner.declaredPrefix(text, index)
      if (prefix === undefined) continue
      if (inner.attributeValue(text, index) === streamsNamespace) return false
      this.#declared.push({ prefix, depth })
    }
    return this.#declared.length <= mostDeclared
  }

  #forget(depth: number): void {
    const declared = this.#declared
    while (declared.length > 0 && declared.at(-1)!.depth === depth) declared.pop()
  }

  #noteDefault(depth: number): void {
    const { namespace, nameColon } = this.#inner
    const isRoots = namespace === 0 && this.#inDefault[depth] === 1
    this.#inDefault[depth + 1] = isRoots ? 1 : 0
    if (isRoots && nameColon === 0) this.#inherits = true
  }

  /** Also adds prefixes of the root to `#used`. */
  #knowsPrefixes(text: string, { name, nameColon, prefix, prefixEnd }: UsualTag, from: Declarations) {
    if (nameColon > 0 && !this.#knowsPrefix(text, name, nameColon, from)) return false
    return prefix === 0 || this.#knowsPrefix(text, prefix, prefixEnd, from)
  }

  #knowsPrefix(text: string, start: number, end: number, { prefixes }: Declarations): boolean {
    const prefix = text.slice(start, end)
    if (declaredBy(text, this.#child, prefix) !== undefined) return true
    if (this.#declared.some(declared => declared.prefix === prefix)) return true
    const index = prefixes.indexOf(prefix)
    if (index < 0) return false
    if (!this.#used.includes(index)) this.#used.push(index)
    return true
  }

  #hasStreamPrefix(text: string, { prefixes, namespaces }: Declarations): boolean {
    const { name, nameColon } = this.#inner
    if (nameColon === 0) return false
    const prefix = text.slice(name, nameColon)
    return (declaredBy(text, this.#child, prefix) ?? namespaces[prefixes.indexOf(prefix)]) === streamsNamespace
  }

  #missingDeclarations(
    { defaultNamespace, prefixes, namespaces }: Declarations,
    written: string,
    meant: string,
  ): string {
    let missing = ''
    if (this.#inherits && this.#child.namespace === 0) {
      missing = ` xmlns='${escapeNamespace(defaultNamespace === written ? meant : defaultNamespace)}'`
    }
    for (const index of this.#used) {
      const uri = namespaces[index]!
      missing += ` xmlns:${prefixes[index]}='${escapeNamespace(uri === written ? meant : uri)}'`
    }
    return missing
  }
}

export const usualXml = new UsualReader()

function declarationsOf(text: string, tag: UsualTag): Declarations {
  const defaultNamespace = tag.namespace === 0 ? '' : text.slice(tag.namespace, tag.namespaceEnd)
  if (tag.declaredPrefixCount === 0) return { defaultNamespace, prefixes: none, namespaces: none }
  const prefixes: string[] = []
  const namespaces: string[] = []
  for (let index = 0; index < tag.count; index++) {
    const prefix = tag.declaredPrefix(text, index)
    if (prefix === undefined) continue
    prefixes.push(prefix)
    namespaces.push(tag.attributeValue(text, index))
  }
  return { defaultNamespace, prefixes, namespaces }
}

function isOfStreams(text: string, { namespace, namespaceEnd }: UsualTag): boolean {
  return namespace > 0 && isText(text, namespace, namespaceEnd, streamsNamespace)
}

function declaredBy(text: string, tag: UsualTag, prefix: string): string | undefined {
  if (tag.declaredPrefixCount === 0) return undefined
  for (let index = 0; index < tag.count; index++) {
    if (tag.declaredPrefix(text, index) === prefix) return tag.attributeValue(text, index)
  }
  return undefined
}

function namespaceOf(text: string, tag: UsualTag, { defaultNamespace, prefixes, namespaces }: Declarations) {
  if (tag.nameColon === 0) return tag.namespace === 0 ? defaultNamespace : text.slice(tag.namespace, tag.namespaceEnd)
  const prefix = text.slice(tag.name, tag.nameColon)
  return declaredBy(text, tag, prefix) ?? namespaces[prefixes.indexOf(prefix)]!
}

/** Returns the offset after the end tag, or -1 if the tag has another name or white space. */
function endOfEndTag(text: string, start: number, name: number, nameEnd: number): number {
  if (text.charCodeAt(start) !== less || text.charCodeAt(start + 1) !== slash) return -1
  const end = start + 2 + nameEnd - name
  const isPlain = text.charCodeAt(end) === greater && isSame(text, name, nameEnd, start + 2, end)
  return isPlain ? end + 1 : -1
}
