import { codeAt, endOfEndTag, endOfSpace, isLarger } from './characters.js'
import { copyOf } from './copy-of.js'
import { asWritten, type Element, isStanzaName, type MeantNamespace } from './element.js'
import { ElementReader, type ReadingRules } from './element-reader.js'
import type { XmlLimits } from './limits.js'
import { Pieces } from './pieces.js'
import { excessOf, lasting, noDeclarations, type OpenRoot, type Root } from './root.js'
import { endOfDeclaration, readRoot } from './root-reader.js'
import { sectionStart } from './sections.js'
import { readUtf8, unfinishedBytes } from './utf8.js'
import { XmlError } from './xml-error.js'

export interface Sink {
  onOpen?(root: Root): void
  onElement(element: Element): void
  onClose?(): void
  /** In lenient mode: a child was dropped. It is given without its content, or not at all if its start tag is unreadable. */
  onDropped?(dropped?: Element): void
}

export interface SplitterOptions {
  readonly meantNamespace?: MeantNamespace
  /** Ignores text between children, without checking the text. */
  readonly mixedContent?: boolean
  readonly lenient?: boolean
}

/** Beyond this multiple of `maxChildren`, the document is refused. */
const mostDropped = 10

/** Of a dropped tag. */
const mostKept = 1024
const longestDropped = 4096

const exclamationMark = 0x21
const doubleQuote = 0x22
const singleQuote = 0x27
const slash = 0x2f
const less = 0x3c
const greater = 0x3e
const byteOrderMark = 0xfeff

/** In a start tag that may be unfinished. */
const stanzaName = /^<(?:[^ \t\r\n<>/:]*:)?(message|presence|iq)[ \t\r\n/>]/

/** A reader without work. */
let idle: ElementReader | undefined

/** Splits a stream or document into the root and its children, each as text that stands alone. */
export class Splitter {
  readonly #sink: Sink
  readonly #rules: ReadingRules
  readonly #mixedContent: boolean
  /** At the first character. `declaration`: an XML declaration may follow. */
  #prolog: 'start' | 'declaration' | 'root' = 'start'
  #root: OpenRoot | undefined
  #isClosed = false
  #children = 0
  #reader: ElementReader | undefined
  /** What was read of the current child. */
  readonly #held = new Pieces()
  /** What is unread: the beginning of a tag, of a reference, or of the end of a CDATA section. */
  readonly #unread = new Pieces()
  /** In a long unread tag: the open quote. */
  #quote = ''
  #isLong = false
  #isShortened = false
  /** Limit of the current child, in bytes. */
  #mostBytes: number
  /** The start tag of the dropped child. */
  #dropped: string | undefined
  #tail: Buffer | undefined
  #stopped = false

  constructor(sink: Sink, limits: XmlLimits, options: SplitterOptions = {}) {
    const { meantNamespace = asWritten, mixedContent = false, lenient = false } = options
    this.#sink = sink
    this.#rules = { limits, meantNamespace, lenient }
    this.#mixedContent = mixedContent
    this.#mostBytes = limits.maxElementBytes
  }

  get isBetweenElements(): boolean {
    const isUnread = this.#unread.length > 0 || this.#tail !== undefined
    return this.#root !== undefined && this.#reader === undefined && !isUnread
  }

  get unfinishedBytes(): number {
    return this.#held.bytes + this.#unread.bytes
  }

  write(chunk: Buffer): void {
    if (this.#stopped) return
    try {
      const isOpen = this.#root !== undefined
      this.#read(this.#decode(chunk))
      if (!isOpen && this.#root !== undefined) this.#root = lasting(this.#root)
    } catch (error) {
      if (this.#stopped && error instanceof XmlError) return
      this.stop()
      throw error
    }
  }

  readDocument(text: string): void {
    try {
      this.#read(text)
      if (!this.#isClosed) throw new XmlError('not-well-formed', 'the document breaks off')
    } finally {
      this.stop()
      this.#stopped = false
      this.#isClosed = false
      this.#root = undefined
      this.#prolog = 'start'
      this.#children = 0
    }
  }

  /** Stops even within the current chunk. */
  stop(): void {
    this.#stopped = true
    this.#reader = undefined
    this.#held.clear()
    this.#unread.clear()
    this.#isLong = false
    this.#isShortened = false
    this.#dropped = undefined
  }

  #read(chunk: string): void {
    const text = this.#unread.length === 0 ? chunk : this.#joined(chunk)
    let at = 0
    while (text !== '' && !this.#stopped) {
      if (this.#reader === undefined) at = this.#pass(text, at)
      if (this.#stopped) return
      const reader = this.#reader
      if (reader !== undefined) {
        const end = reader.read(text, at)
        if (reader.isOver) {
          this.#complete(reader, text, at, end)
          at = end
          continue
        }
        if (this.#dropped === undefined) this.#held.add(text, at, end)
        reader.keepNames(text)
        at = end
      }
      this.#unread.add(text, at)
      if (reader !== undefined || at < text.length) this.#limitUnfinished()
      return
    }
  }

  /** Joins what is unread to the chunk. Empty while the end of a long tag is missing. */
  #joined(chunk: string): string {
    const end = this.#isLong ? this.#endOfTag(chunk) : 0
    if (end < 0) {
      this.#unread.add(chunk)
      this.#limitUnfinished()
      return ''
    }
    this.#isLong = false
    const unread = this.#unread.read()
    this.#unread.clear()
    if (!this.#isShortened) return unread + chunk
    this.#isShortened = false
    return shortened(unread + chunk.slice(0, end)) + chunk.slice(end)
  }

  #endOfTag(piece: string): number {
    for (let at = 0; at < piece.length; at++) {
      if (this.#quote !== '') {
        at = piece.indexOf(this.#quote, at)
        if (at < 0) return -1
        this.#quote = ''
        continue
      }
      const code = piece.charCodeAt(at)
      if (code === greater) return at + 1
      if (code === doubleQuote || code === singleQuote) this.#quote = piece[at]!
    }
    return -1
  }

  /** Up to the next child. Reads the root's tags. */
  #pass(text: string, from: number): number {
    const { length } = text
    let at = from
    while (!this.#stopped) {
      if (this.#root === undefined) {
        at = this.#readRoot(text, at)
        if (this.#root === undefined) return at
      }
      // White space between elements is a keepalive (RFC 6120 §4.6.1).
      at = this.#mixedContent && !this.#isClosed ? endOfMixed(text, at) : endOfSpace(text, at, length)
      if (at === length) return at
      if (this.#isClosed) throw besideRoot(text, at)
      const next = codeAt(text, at + 1, length)
      if (codeAt(text, at, length) !== less) throw textBetween()
      if (next === exclamationMark && sectionStart.startsWith(text.slice(at, at + sectionStart.length))) {
        if (text.startsWith(sectionStart, at)) throw textBetween()
        return at
      }
      if (next !== slash) {
        if (at + 1 < length) this.#begin(this.#root)
        return at
      }
      const end = endOfRoot(text, at, this.#root.qualifiedName)
      if (end < 0) return at
      at = end
      this.#close()
    }
    return at
  }

  #readRoot(text: string, from: number): number {
    let at = from
    if (this.#prolog === 'start') {
      if (codeAt(text, at, text.length) === byteOrderMark) at += 1
      this.#prolog = 'declaration'
    }
    if (this.#prolog === 'declaration') {
      const end = endOfDeclaration(text, at)
      if (end === undefined) return at
      this.#prolog = 'root'
      at = end
    }
    at = endOfSpace(text, at, text.length)
    if (at === text.length) return at
    if (codeAt(text, at, text.length) !== less || /[!?]/.test(text[at + 1] ?? '')) throw besideRoot(text, at)
    const { limits } = this.#rules
    const opened = readRoot(text, at, limits)
    if (opened === undefined) return at
    const { root, end, isEmpty } = opened
    if (isLarger(text, at, end, limits.maxElementBytes)) throw tooLarge()
    const excess = excessOf(root.declarations, limits.maxDeclarations, true)
    if (excess !== undefined) throw excess
    this.#root = root
    this.#sink.onOpen?.(root)
    if (isEmpty) this.#close()
    return end
  }

  #begin({ declarations }: OpenRoot): void {
    const reader = idle ?? new ElementReader()
    idle = undefined
    reader.begin(this.#rules, declarations)
    this.#reader = reader
    this.#mostBytes = this.#rules.limits.maxElementBytes
  }

  #complete(reader: ElementReader, text: string, start: number, end: number): void {
    let from = start
    let whole = text
    if (this.#held.length > 0) {
      from = 0
      whole = this.#held.read() + text.slice(start, end)
      this.#held.clear()
    }
    const to = whole === text ? end : whole.length
    this.#reader = undefined
    if (isLarger(whole, from, to, this.#limitOf(reader.name))) reader.refuse(tooLarge)
    const element = this.#hasRoomFor(reader.name) ? reader.complete(whole, from, to) : undefined
    const startTag = element === undefined ? (this.#dropped ?? whole.slice(from, from + reader.tagLength)) : ''
    this.#dropped = undefined
    // Frees the text, which may contain a password.
    reader.begin(this.#rules, noDeclarations)
    idle = reader
    if (element !== undefined) this.#sink.onElement(element)
    else this.#sink.onDropped?.(this.#withoutContent(startTag))
  }

  #close(): void {
    this.#isClosed = true
    if (!this.#stopped) this.#sink.onClose?.()
  }

  #limitUnfinished(): void {
    const unread = this.#unread
    const reader = this.#reader
    if (!this.#isLong && unread.length > 1) {
      const tag = unread.read()
      this.#quote = ''
      this.#isLong = /^<[^!?]/.test(tag) && this.#endOfTag(tag) < 0
    }
    // `length` counts UTF-16 units. The bytes are counted when the element is complete.
    const length = this.#held.length + unread.length
    if (reader?.isDropped !== true && length > this.#mostBytes) {
      const name = reader?.name || (stanzaName.exec(unread.read())?.[1] ?? '')
      this.#mostBytes = this.#limitOf(name)
      if (length > this.#mostBytes) {
        if (reader === undefined) throw tooLarge()
        reader.refuse(tooLarge, name)
      }
    }
    if (reader?.isDropped !== true) return
    this.#dropped ??= this.#held.read().slice(0, reader.tagLength)
    this.#held.clear()
    if (!this.#isLong || unread.length <= mostKept) return
    const tag = shortened(unread.read())
    unread.clear()
    unread.add(tag)
    this.#isShortened = true
  }

  /** Users write stanzas. Servers write other elements, which are short. */
  #limitOf(name: string): number {
    const { maxElementBytes, maxStanzaBytes } = this.#rules.limits
    return this.#rules.lenient && this.#root !== undefined && isStanzaName(name) ? maxStanzaBytes : maxElementBytes
  }

  #hasRoomFor(name: string): boolean {
    const { maxChildren } = this.#rules.limits
    if (maxChildren === 0 || ++this.#children <= maxChildren) return true
    const isFar = this.#children > mostDropped * maxChildren
    if (isFar || !this.#rules.lenient || !isStanzaName(name))
      throw new XmlError('policy-violation', 'too many elements')
    return false
  }

  #withoutContent(startTag: string): Element | undefined {
    if (startTag === '' || startTag.length > longestDropped) return undefined
    const text = copyOf(startTag.replace(/\/?>$/, '/>'))
    const reader = new ElementReader()
    try {
      reader.begin(this.#rules, this.#root!.declarations)
      reader.read(text, 0)
      return reader.complete(text, 0, text.length)
    } catch {
      return undefined
    }
  }

  /** Keeps an unfinished character for the next chunk (UTF-8: RFC 6120 §11.6). */
  #decode(chunk: Buffer): string {
    const bytes = this.#tail === undefined ? chunk : Buffer.concat([this.#tail, chunk])
    const whole = bytes.length - unfinishedBytes(bytes)
    this.#tail = whole === bytes.length ? undefined : Buffer.from(bytes.subarray(whole))
    const text = readUtf8(this.#tail === undefined ? bytes : bytes.subarray(0, whole))
    if (text === undefined) throw new XmlError('unsupported-encoding', 'the text is not UTF-8')
    return text
  }
}

/** The offset of the next tag between text that was checked. */
function endOfMixed(text: string, from: number): number {
  let at = text.indexOf('<', from)
  while (at >= 0 && text.startsWith(sectionStart, at)) at = text.indexOf('<', text.indexOf(']]>', at))
  return at < 0 ? text.length : at
}

/** The end of the root's end tag, or -1 if the tag is unfinished. */
function endOfRoot(text: string, at: number, name: string): number {
  const end = at + 2 + name.length
  if (text.startsWith(name, at + 2)) return endOfEndTag(text, end, text.length)
  if (end >= text.length && name.startsWith(text.slice(at + 2))) return -1
  throw new XmlError('not-well-formed', 'the root is closed by another name')
}

/** Keeps the name and the end of a long tag, which may be unfinished. */
function shortened(tag: string): string {
  const [name] = /^<\/?[^ \t\r\n>/]*/.exec(tag.slice(0, mostKept))!
  return `${name} ${/\/?>?$/.exec(tag.slice(-2))![0]}`
}

function besideRoot(text: string, at: number): XmlError {
  const isRestricted = text.startsWith('<!', at) || text.startsWith('<?', at)
  return new XmlError(isRestricted ? 'restricted-xml' : 'not-well-formed', 'there is something beside the root')
}

const textBetween = () => new XmlError('bad-format', 'text between elements')
const tooLarge = () => new XmlError('policy-violation', 'an element is too large')
