import { endOfName, endOfNamespace, endOfSpace, endOfValue } from './usual-text.js'

export const mostAttributes = 24

/** In characters, including the prefix. */
export const longestName = 64

const doubleQuote = 0x22
const singleQuote = 0x27
const slash = 0x2f
const colon = 0x3a
const less = 0x3c
const equals = 0x3d
const greater = 0x3e

/** `ElementReader` checks declarations of these namespaces (Namespaces in XML 1.0 §3). */
const xmlNamespace = 'http://www.w3.org/XML/1998/namespace'
const xmlnsNamespace = 'http://www.w3.org/2000/xmlns/'

/** Parts of a tag, as offsets into the text. */
export class UsualTag {
  name = 0
  nameColon = 0
  nameEnd = 0
  end = 0
  isEmpty = false
  count = 0
  /** Offset of the declared default namespace, or 0. */
  namespace = 0
  namespaceEnd = 0
  declaredPrefixCount = 0
  declarationsLength = 0
  /** Offset of the only attribute prefix besides `xml` and `xmlns`, or 0. */
  prefix = 0
  prefixEnd = 0
  readonly #offsets = new Int32Array(4 * mostAttributes)

  read(text: string, start: number): boolean {
    if (text.charCodeAt(start) !== less) return false
    let end = endOfName(text, start + 1)
    this.name = start + 1
    this.nameColon = 0
    if (text.charCodeAt(end) === colon) {
      this.nameColon = end
      end = endOfName(text, end + 1)
    }
    this.nameEnd = end
    if (end < 0 || end - start > longestName) return false
    this.count = 0
    this.namespace = 0
    this.declaredPrefixCount = 0
    this.declarationsLength = 0
    this.prefix = 0
    for (;;) {
      const next = endOfSpace(text, end)
      const code = text.charCodeAt(next)
      if (code === greater) {
        this.end = next + 1
        this.isEmpty = false
        return true
      }
      if (code === slash) {
        this.end = next + 2
        this.isEmpty = true
        return text.charCodeAt(next + 1) === greater
      }
      if (next === end || this.count === mostAttributes) return false
      end = this.#readAttribute(text, next)
      if (end < 0) return false
    }
  }

  attributeName(text: string, index: number): string {
    return text.slice(this.#offsets[4 * index], this.#offsets[4 * index + 1])
  }

  attributeValue(text: string, index: number): string {
    return text.slice(this.#offsets[4 * index + 2], this.#offsets[4 * index + 3])
  }

  declaredPrefix(text: string, index: number): string | undefined {
    const name = this.#offsets[4 * index]!
    return text.startsWith('xmlns:', name) ? text.slice(name + 6, this.#offsets[4 * index + 1]) : undefined
  }

  #readAttribute(text: string, name: number): number {
    let nameEnd = endOfName(text, name)
    let itsColon = 0
    if (text.charCodeAt(nameEnd) === colon) {
      itsColon = nameEnd
      nameEnd = endOfName(text, nameEnd + 1)
    }
    if (nameEnd < 0 || nameEnd - name > longestName || text.charCodeAt(nameEnd) !== equals) return -1
    const quote = text.charCodeAt(nameEnd + 1)
    if (quote !== singleQuote && quote !== doubleQuote) return -1
    const value = nameEnd + 2
    const declares = isText(text, name, itsColon === 0 ? nameEnd : itsColon, 'xmlns')
    const valueEnd = declares ? endOfNamespace(text, value, quote) : endOfValue(text, value, quote)
    if (valueEnd < 0 || this.#has(text, name, nameEnd)) return -1
    if (declares && !isPlainNamespace(text, value, valueEnd)) return -1
    if (declares) this.declarationsLength += valueEnd - name
    if (declares && itsColon === 0) {
      this.namespace = value
      this.namespaceEnd = valueEnd
    } else if (declares) {
      if (text.startsWith('xml', itsColon + 1)) return -1
      this.declaredPrefixCount += 1
    } else if (itsColon > 0 && !this.#takePrefix(text, name, itsColon)) return -1
    const at = 4 * this.count++
    this.#offsets[at] = name
    this.#offsets[at + 1] = nameEnd
    this.#offsets[at + 2] = value
    this.#offsets[at + 3] = valueEnd
    return valueEnd + 1
  }

  #has(text: string, name: number, nameEnd: number): boolean {
    const offsets = this.#offsets
    for (let at = 0; at < 4 * this.count; at += 4) {
      if (isSame(text, offsets[at]!, offsets[at + 1]!, name, nameEnd)) return true
    }
    return false
  }

  /** Refuses a second prefix: `a:x` and `b:x` are duplicates if `a` and `b` have the same namespace. */
  #takePrefix(text: string, prefix: number, prefixEnd: number): boolean {
    if (isText(text, prefix, prefixEnd, 'xml')) return true
    if (this.prefix > 0) return isSame(text, this.prefix, this.prefixEnd, prefix, prefixEnd)
    this.prefix = prefix
    this.prefixEnd = prefixEnd
    return true
  }
}

export function isSame(text: string, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false
  while (a < aEnd) {
    if (text.charCodeAt(a++) !== text.charCodeAt(b++)) return false
  }
  return true
}

export function isText(text: string, start: number, end: number, what: string): boolean {
  return end - start === what.length && text.startsWith(what, start)
}

function isPlainNamespace(text: string, start: number, end: number): boolean {
  return end > start && !isText(text, start, end, xmlNamespace) && !isText(text, start, end, xmlnsNamespace)
}
