import { streamsNamespace } from './element.js'
import { type Declarations, noDeclarations } from './root.js'
import type { Tag } from './tag.js'

const xmlNamespace = 'http://www.w3.org/XML/1998/namespace'
const xmlnsNamespace = 'http://www.w3.org/2000/xmlns/'

/** Numbers of namespaces, because comparing long texts again and again takes quadratic time. */
const known = [
  [streamsNamespace, 0],
  [xmlNamespace, 1],
] as const
const [[, streams], [, xml]] = known

/** The default namespace at some depth: of the root, or of an element between, which may be `streamsNamespace`. */
const ofRoot = 0
const own = 1
const ownStreams = 2

/** The namespaces inside a child of the root, and the declarations of the root that the child uses. */
export class Scope {
  usesDefault = false
  /** Indexes of the root's prefixes. */
  readonly usedPrefixes: number[] = []
  /** Below the child itself. */
  hasStreamElement = false
  #root = noDeclarations
  readonly #defaults: number[] = []
  readonly #numbers = new Map<string, number>(known)
  readonly #prefixes = new Map<string, number>()
  readonly #replaced: { readonly depth: number; readonly prefix: string; readonly before: number | undefined }[] = []

  begin(root: Declarations): void {
    this.#root = root
    this.usesDefault = false
    this.hasStreamElement = false
    if (this.usedPrefixes.length > 0) this.usedPrefixes.length = 0
    if (this.#prefixes.size > 0) this.#prefixes.clear()
    if (this.#replaced.length > 0) this.#replaced.length = 0
    if (this.#numbers.size === known.length) return
    this.#numbers.clear()
    for (const [namespace, number] of known) this.#numbers.set(namespace, number)
  }

  /** False if the tag breaks a rule (Namespaces in XML 1.0 §3, §5, §6.3). */
  open(text: string, tag: Tag, depth: number): boolean {
    let itsDefault = depth === 0 ? ofRoot : this.#defaults[depth - 1]!
    if (tag.ownDefault >= 0) {
      const namespace = tag.attributeValue(text, tag.ownDefault)
      if (!isAllowed('', namespace)) return false
      itsDefault = namespace === streamsNamespace ? ownStreams : own
    }
    this.#defaults[depth] = itsDefault
    if (tag.prefixed > 0 && !this.#declare(text, tag, depth)) return false
    let isOfStreams = itsDefault === ownStreams
    if (tag.colon > 0) {
      const namespace = this.#numberOf(text.slice(tag.name, tag.colon))
      if (namespace === undefined) return false
      isOfStreams = namespace === streams
    } else if (itsDefault === ofRoot) {
      this.usesDefault = true
      isOfStreams = this.#root.defaultNamespace === streamsNamespace
    }
    if (isOfStreams && depth > 0) this.hasStreamElement = true
    return tag.prefixed === 0 || this.#areDistinct(text, tag)
  }

  close(depth: number): void {
    while (this.#replaced.length > 0 && this.#replaced.at(-1)!.depth === depth) {
      const { prefix, before } = this.#replaced.pop()!
      if (before === undefined) this.#prefixes.delete(prefix)
      else this.#prefixes.set(prefix, before)
    }
  }

  #declare(text: string, tag: Tag, depth: number): boolean {
    const { prefixes, namespaces } = declarationsOf(text, tag)
    for (const [index, prefix] of prefixes.entries()) {
      const namespace = namespaces[index]!
      if (namespace === '' || !isAllowed(prefix, namespace)) return false
      this.#replaced.push({ depth, prefix, before: this.#prefixes.get(prefix) })
      this.#prefixes.set(prefix, this.#numbered(namespace))
    }
    return true
  }

  #areDistinct(text: string, tag: Tag): boolean {
    const seen = new Set<string>()
    for (let index = 0; index < tag.count; index++) {
      const [prefix = '', local] = tag.attributeName(text, index).split(':')
      if (local === undefined || prefix === 'xmlns') continue
      const namespace = this.#numberOf(prefix)
      if (namespace === undefined || seen.has(`${namespace} ${local}`)) return false
      seen.add(`${namespace} ${local}`)
    }
    return true
  }

  #numberOf(prefix: string): number | undefined {
    if (prefix === 'xml') return xml
    const declared = this.#prefixes.get(prefix)
    if (declared !== undefined) return declared
    const index = this.#root.prefixes.indexOf(prefix)
    if (index < 0) return undefined
    this.usedPrefixes.push(index)
    const number = this.#numbered(this.#root.namespaces[index]!)
    this.#prefixes.set(prefix, number)
    return number
  }

  #numbered(namespace: string): number {
    const number = this.#numbers.get(namespace) ?? this.#numbers.size
    this.#numbers.set(namespace, number)
    return number
  }
}

const isOdd = (code: number) => code <= 0x20 || code >= 0x80

/** Parsers disagree about namespaces with white space around them. */
function isAllowed(prefix: string, namespace: string): boolean {
  if (namespace === '') return true
  const mayHaveSpace = isOdd(namespace.charCodeAt(0)) || isOdd(namespace.charCodeAt(namespace.length - 1))
  if (mayHaveSpace && namespace !== namespace.trim()) return false
  if (namespace === xmlnsNamespace || prefix === 'xmlns') return false
  return (prefix === 'xml') === (namespace === xmlNamespace)
}

export function declarationsOf(text: string, tag: Tag): Declarations {
  const defaultNamespace = tag.ownDefault < 0 ? '' : tag.attributeValue(text, tag.ownDefault)
  if (tag.prefixed === 0) return { ...noDeclarations, defaultNamespace }
  const prefixes: string[] = []
  const namespaces: string[] = []
  for (let index = 0; index < tag.count; index++) {
    const name = tag.attributeName(text, index)
    if (!name.startsWith('xmlns:')) continue
    prefixes.push(name.slice(6))
    namespaces.push(tag.attributeValue(text, index))
  }
  return { defaultNamespace, prefixes, namespaces }
}

export function namespaceOf(text: string, tag: Tag, outer: Declarations): string {
  if (tag.colon === 0) return tag.ownDefault < 0 ? outer.defaultNamespace : tag.attributeValue(text, tag.ownDefault)
  const prefix = text.slice(tag.name, tag.colon)
  for (const { prefixes, namespaces } of [declarationsOf(text, tag), outer]) {
    const index = prefixes.indexOf(prefix)
    if (index >= 0) return namespaces[index]!
  }
  return xmlNamespace
}
