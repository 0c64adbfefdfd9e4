import {
  codeAt,
  endOfAsciiName,
  endOfCharacters,
  endOfNameCharacters,
  endOfSpace,
  isNameStart,
  met,
  notWellFormed,
  readValue,
} from './characters.js'
import type { XmlLimits } from './limits.js'
import { XmlError } from './xml-error.js'

/** Beyond all limits, so that declarations can be added to checked elements. */
const mostAttributes = 512

const doubleQuote = 0x22
const singleQuote = 0x27
const slash = 0x2f
const colon = 0x3a
const equals = 0x3d
const greater = 0x3e

/** Parts of a start tag, as offsets into the text. */
export class Tag {
  name = 0
  /** Offset, or 0. */
  colon = 0
  nameEnd = 0
  end = 0
  isEmpty = false
  count = 0
  /** Index of the attribute `xmlns`, or -1. */
  ownDefault = -1
  /** Attributes with a prefix other than `xml`. */
  prefixed = 0
  /** The tag exceeds a limit or breaks a rule of names, but it has an end. */
  fault: (() => XmlError) | undefined
  /** Start and end of each attribute's name, and of its value. */
  readonly #offsets = new Int32Array(4 * mostAttributes)
  /** No value has references, or white space other than spaces. */
  #isPlain = true
  /** Of the text. */
  #length = 0
  #colon = 0

  /** False if the tag is unfinished. Throws an `XmlError`. */
  read(text: string, start: number, limits: XmlLimits): boolean {
    this.#length = text.length
    this.count = 0
    this.ownDefault = -1
    this.#isPlain = true
    this.prefixed = 0
    this.fault = undefined
    this.name = start + 1
    let end = this.#endOfName(text, start + 1, limits)
    this.nameEnd = end
    this.colon = this.#colon
    while (end >= 0) {
      const next = endOfSpace(text, end, this.#length)
      const code = codeAt(text, next, this.#length)
      if (code === greater || code === slash) {
        this.isEmpty = code === slash
        this.end = this.isEmpty ? next + 2 : next + 1
        return !this.isEmpty || this.#isAt(text, next + 1, greater)
      }
      if (next >= this.#length) return false
      if (next === end) throw notWellFormed()
      end = this.#readAttribute(text, next, limits)
    }
    return false
  }

  /** Such as `xml:lang`. */
  attributeName(text: string, index: number): string {
    return text.slice(this.#offsets[4 * index], this.#offsets[4 * index + 1])
  }

  attributeValue(text: string, index: number): string {
    const written = text.slice(this.#offsets[4 * index + 2], this.#offsets[4 * index + 3])
    return this.#isPlain ? written : readValue(written)
  }

  attributeStart(index: number): number {
    return this.#offsets[4 * index]!
  }

  valueStart(index: number): number {
    return this.#offsets[4 * index + 2]!
  }

  valueEnd(index: number): number {
    return this.#offsets[4 * index + 3]!
  }

  #readAttribute(text: string, name: number, limits: XmlLimits): number {
    const nameEnd = this.#endOfName(text, name, limits)
    if (nameEnd < 0) return -1
    const itsColon = this.#colon
    const sign = endOfSpace(text, nameEnd, this.#length)
    if (!this.#isAt(text, sign, equals)) return -1
    const start = endOfSpace(text, sign + 1, this.#length) + 1
    const quote = codeAt(text, start - 1, this.#length)
    if (quote !== singleQuote && !this.#isAt(text, start - 1, doubleQuote)) return -1
    met.odd = false
    const end = endOfCharacters(text, start, quote, this.#length)
    if (met.odd) this.#isPlain = false
    if (codeAt(text, end, this.#length) !== quote) return -1
    if (this.count === limits.maxAttributes || this.count === mostAttributes) this.fault ??= tooManyAttributes
    else if (this.#has(text, name, nameEnd)) this.fault ??= notWellFormed
    else {
      if (itsColon > 0) this.prefixed += itsColon - name === 3 && text.startsWith('xml', name) ? 0 : 1
      else if (nameEnd - name === 5 && text.startsWith('xmlns', name)) this.ownDefault = this.count
      const at = 4 * this.count++
      this.#offsets[at] = name
      this.#offsets[at + 1] = nameEnd
      this.#offsets[at + 2] = start
      this.#offsets[at + 3] = end
    }
    return end + 1
  }

  #has(text: string, name: number, nameEnd: number): boolean {
    const offsets = this.#offsets
    for (let at = 0; at < 4 * this.count; at += 4) {
      if (isSame(text, offsets[at]!, offsets[at + 1]!, name, nameEnd)) return true
    }
    return false
  }

  /** False if the text ends before. */
  #isAt(text: string, at: number, wanted: number): boolean {
    const isThere = codeAt(text, at, this.#length) === wanted
    if (!isThere && at < this.#length) throw notWellFormed()
    return isThere
  }

  /** -1 if the name is unfinished. */
  #endOfName(text: string, start: number, { maxNameLength }: XmlLimits): number {
    this.#colon = 0
    let end = endOfAsciiName(text, start, this.#length)
    let code = codeAt(text, end, this.#length)
    if (code === colon && end > start) {
      this.#colon = end
      end = endOfAsciiName(text, end + 1, this.#length)
      code = codeAt(text, end, this.#length)
    }
    if (end === start || code >= 0x80 || code === colon || end - 1 === this.#colon)
      end = this.#endOfOddName(text, start)
    if (end >= this.#length) return -1
    if (end - start > maxNameLength) this.fault ??= tooLong
    return end
  }

  #endOfOddName(text: string, start: number): number {
    const end = endOfNameCharacters(text, start)
    if (end >= this.#length) return end
    if (!isNameStart(text, start) && codeAt(text, start, this.#length) !== colon) throw notWellFormed()
    this.#colon = 0
    for (let at = start; at < end; at++) {
      if (codeAt(text, at, this.#length) !== colon) continue
      // Namespaces in XML 1.0 §4.
      if (this.#colon > 0 || at === start || !isNameStart(text, at + 1)) this.fault ??= notWellFormed
      this.#colon = at
    }
    return end
  }
}

const tooManyAttributes = () => new XmlError('policy-violation', 'too many attributes')
const tooLong = () => new XmlError('policy-violation', 'a name is too long')

export function isSame(text: string, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false
  while (a < aEnd) {
    if (text.charCodeAt(a++) !== text.charCodeAt(b++)) return false
  }
  return true
}
