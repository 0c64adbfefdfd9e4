import {
  codeAt,
  endOfAsciiName,
  endOfCharacter,
  endOfNameCharacters,
  endOfReference,
  endOfSpace,
  isNameStart,
  notWellFormed,
  plainBut,
  withoutReferences,
} from './characters.js'
import type { XmlLimits } from './limits.js'
import { XmlError } from './xml-error.js'

/** Beyond all limits, so that declarations can be added to checked elements. */
const mostAttributes = 512
const parts = 5

const firstSurrogate = 0xd800
const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const ampersand = 0x26
const less = 0x3c
const doubleQuote = 0x22
const singleQuote = 0x27
const slash = 0x2f
const colon = 0x3a
const equals = 0x3d
const greater = 0x3e

const plainInValues = plainBut('<&"\'')

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
  declaredPrefixes = 0
  /** Attributes with a prefix other than `xml` and `xmlns`. */
  prefixed = 0
  /** The tag exceeds a limit or breaks a rule of names, but it has an end. */
  fault: (() => XmlError) | undefined
  readonly #offsets = new Int32Array(parts * mostAttributes)
  /** No value has references, or white space other than spaces. */
  #isPlain = true
  #colon = 0

  /** False if the tag is unfinished. Throws an `XmlError`. */
  read(text: string, start: number, limits: XmlLimits): boolean {
    this.count = 0
    this.ownDefault = -1
    this.declaredPrefixes = 0
    this.prefixed = 0
    this.fault = undefined
    this.#isPlain = true
    this.name = start + 1
    let end = this.#endOfName(text, start + 1, limits)
    this.nameEnd = end
    this.colon = this.#colon
    while (end >= 0) {
      const next = endOfSpace(text, end)
      const code = codeAt(text, next)
      if (code === greater || code === slash) {
        this.isEmpty = code === slash
        this.end = this.isEmpty ? next + 2 : next + 1
        return !this.isEmpty || isAt(text, next + 1, greater)
      }
      if (next >= text.length) return false
      if (next === end) throw notWellFormed()
      end = this.#readAttribute(text, next, limits)
    }
    return false
  }

  /** Such as `xml:lang`. */
  attributeName(text: string, index: number): string {
    return text.slice(this.#offsets[parts * index], this.#offsets[parts * index + 2])
  }

  /** Without references, and with spaces for other white space (XML 1.0 §3.3.3). */
  attributeValue(text: string, index: number): string {
    const written = text.slice(this.valueStart(index), this.valueEnd(index))
    return this.#isPlain ? written : withoutReferences(withSpaces(written))
  }

  /** Parsers disagree about namespaces with white space around them. */
  hasSpaceAround(text: string, index: number): boolean {
    if (
      this.#isPlain &&
      isVisible(codeAt(text, this.valueStart(index))) &&
      isVisible(codeAt(text, this.valueEnd(index) - 1))
    )
      return false
    const value = this.attributeValue(text, index)
    return value !== value.trim()
  }

  hasValue(text: string, index: number, wanted: string): boolean {
    if (!this.#isPlain) return this.attributeValue(text, index) === wanted
    const start = this.valueStart(index)
    return this.valueEnd(index) - start === wanted.length && text.startsWith(wanted, start)
  }

  /** Undefined for names without a prefix. */
  attributePrefix(text: string, index: number): string | undefined {
    const at = this.#offsets[parts * index + 1]!
    return at === 0 ? undefined : text.slice(this.#offsets[parts * index], at)
  }

  attributeLocal(text: string, index: number): string {
    return text.slice(this.#offsets[parts * index + 1]! + 1, this.#offsets[parts * index + 2])
  }

  nameStart(index: number): number {
    return this.#offsets[parts * index]!
  }

  valueStart(index: number): number {
    return this.#offsets[parts * index + 3]!
  }

  valueEnd(index: number): number {
    return this.#offsets[parts * index + 4]!
  }

  #readAttribute(text: string, name: number, limits: XmlLimits): number {
    const nameEnd = this.#endOfName(text, name, limits)
    if (nameEnd < 0) return -1
    const itsColon = this.#colon
    const sign = codeAt(text, nameEnd) === equals ? nameEnd : endOfSpace(text, nameEnd)
    if (!isAt(text, sign, equals)) return -1
    const start = endOfSpace(text, sign + 1)
    const quote = codeAt(text, start)
    if (quote !== singleQuote && !isAt(text, start, doubleQuote)) return -1
    const end = this.#endOfValue(text, start + 1, quote)
    if (end < 0) return -1
    const { count } = this
    if (count === limits.maxAttributes || count === mostAttributes) this.fault ??= tooManyAttributes
    else if (count > 0 && this.#has(text, name, nameEnd)) this.fault ??= notWellFormed
    else {
      const length = (itsColon === 0 ? nameEnd : itsColon) - name
      if (length === 5 && text.startsWith('xmlns', name)) {
        if (itsColon === 0) this.ownDefault = count
        else this.declaredPrefixes += 1
      } else if (itsColon > 0 && !(length === 3 && text.startsWith('xml', name))) this.prefixed += 1
      const offsets = this.#offsets
      const at = parts * count
      offsets[at] = name
      offsets[at + 1] = itsColon
      offsets[at + 2] = nameEnd
      offsets[at + 3] = start + 1
      offsets[at + 4] = end
      this.count = count + 1
    }
    return end + 1
  }

  /** -1 if the value is unfinished. */
  #endOfValue(text: string, from: number, quote: number): number {
    const { length } = text
    for (let at = from; at < length; ) {
      const code = text.charCodeAt(at)
      if (code < 0x80 ? plainInValues[code] === 1 : code < firstSurrogate) at += 1
      else if (code === quote) return at
      else if (code === less) throw notWellFormed()
      else if (code === ampersand) {
        at = endOfReference(text, at)
        if (at < 0) return -1
        this.#isPlain = false
      } else {
        at = endOfCharacter(text, at, code)
        if (code < space) this.#isPlain = false
      }
    }
    return -1
  }

  #has(text: string, name: number, nameEnd: number): boolean {
    const offsets = this.#offsets
    for (let at = 0; at < parts * this.count; at += parts) {
      if (isSame(text, offsets[at]!, offsets[at + 2]!, name, nameEnd)) return true
    }
    return false
  }

  /** -1 if the name is unfinished. */
  #endOfName(text: string, start: number, { maxNameLength }: XmlLimits): number {
    this.#colon = 0
    let end = endOfAsciiName(text, start)
    let code = codeAt(text, end)
    if (code === colon && end > start) {
      this.#colon = end
      end = endOfAsciiName(text, end + 1)
      code = codeAt(text, end)
    }
    if (end === start || code >= 0x80 || code === colon || end - 1 === this.#colon)
      end = this.#endOfOddName(text, start)
    if (end >= text.length) return -1
    if (end - start > maxNameLength) this.fault ??= tooLong
    return end
  }

  #endOfOddName(text: string, start: number): number {
    const end = endOfNameCharacters(text, start)
    if (end >= text.length) return end
    if (!isNameStart(text, start) && codeAt(text, start) !== colon) throw notWellFormed()
    this.#colon = 0
    for (let at = start; at < end; at++) {
      if (codeAt(text, at) !== colon) continue
      // Namespaces in XML 1.0 §4.
      if (this.#colon > 0 || at === start || !isNameStart(text, at + 1)) this.fault ??= notWellFormed
      this.#colon = at
    }
    return end
  }
}

const isVisible = (code: number) => code > space && code < 0x80

const tooManyAttributes = () => new XmlError('policy-violation', 'too many attributes')
const tooLong = () => new XmlError('policy-violation', 'a name is too long')

/**
 * Turns other white space into spaces (XML 1.0 §2.11, §3.3.3). Works on bytes, because 4 MiB of line feeds would take a
 * second with `replace`.
 */
function withSpaces(text: string): string {
  const bytes = Buffer.from(text)
  let to = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === carriageReturn && bytes[at + 1] === lineFeed) continue
    bytes[to++] = byte < space ? space : byte
  }
  return bytes.toString('utf8', 0, to)
}

/** False if the text ends before. */
function isAt(text: string, at: number, wanted: number): boolean {
  const isThere = codeAt(text, at) === wanted
  if (!isThere && at < text.length) throw notWellFormed()
  return isThere
}

export function isSame(text: string, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false
  while (a < aEnd) {
    if (text.charCodeAt(a++) !== text.charCodeAt(b++)) return false
  }
  return true
}
