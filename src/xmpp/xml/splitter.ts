import { copyOf, keepsTooMuch } from './copy-of.js'
import { asWritten, type Element, type Fate, type MeantNamespace } from './element.js'
import { elementReader, type ReadingRules } from './element-reader.js'
import { EndFinder } from './end-finder.js'
import type { XmlLimits } from './limits.js'
import { assertFewDeclarations, type Declarations, lasting, type OpenRoot, type Root } from './root.js'
import { endOfSpace, endOfText, isLarger } from './usual-text.js'
import { allowUsual, usualXml } from './usual-xml.js'
import { readUtf8, unfinishedBytes } from './utf8.js'
import { withoutContent } from './without-content.js'
import { XmlError } from './xml-error.js'

export interface Sink {
  onOpen(root: Root): void
  onElement(element: Element): void
  onClose(): void
  /** In lenient mode: called before a repaired child, or for a dropped child, which is given without its content. */
  onUnfit?(fate: Fate, dropped?: Element): void
}

export interface SplitterOptions {
  readonly meantNamespace?: MeantNamespace
  /** Ignores text between children, without checking the text. */
  readonly mixedContent?: boolean
  readonly lenient?: boolean
}

/** Beyond this length, joined chunks are copied to a flat string, because V8's joined strings take more memory. */
const longestPieces = 1024
/** Bytes of memory per UTF-16 unit of joined chunks, in the worst case. */
const pieceBytes = 32
const unitBytes = 2

/** Beyond this multiple of `maxChildren`, the document is refused. */
const mostDropped = 10

const slash = 0x2f
const less = 0x3c
const greater = 0x3e
const byteOrderMark = 0xfeff

/** Beyond a limit, only stanzas are dropped, because other elements come from the server itself, not from users. */
const stanza = /^<(?:[^ \t\r\n<>/:]*:)?(?:message|presence|iq)[ \t\r\n/>]/

/** Reads usual XML in one pass. In other XML, first looks for the end of the element. */
export class Splitter {
  readonly #sink: Sink
  readonly #rules: ReadingRules
  readonly #mixedContent: boolean
  readonly #allowsUsual: boolean
  /** `mark`: a byte order mark was read. `whole`: an XML declaration can no longer follow. */
  #prolog: 'nothing' | 'mark' | 'whole' = 'nothing'
  #root: OpenRoot | undefined
  #isClosed = false
  #children = 0
  #finder: EndFinder | undefined
  #held = ''
  #pieces = ''
  #isDropped = false
  /** Limit of the current element, in bytes. */
  #mostBytes = 0
  /** The beginning of the dropped element. */
  #beginning = ''
  #tail: Buffer | undefined
  #stopped = false

  constructor(sink: Sink, limits: XmlLimits, options: SplitterOptions = {}) {
    const { meantNamespace = asWritten, mixedContent = false, lenient = false } = options
    this.#sink = sink
    this.#rules = { limits, meantNamespace, lenient }
    this.#mixedContent = mixedContent
    this.#allowsUsual = allowUsual(limits)
  }

  get isBetweenElements(): boolean {
    return this.#root !== undefined && this.#finder === undefined && this.#tail === undefined
  }

  get unfinishedBytes(): number {
    return unitBytes * this.#held.length + pieceBytes * this.#pieces.length
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
      this.#prolog = 'nothing'
      this.#children = 0
    }
  }

  /** Stops even within the current chunk. */
  stop(): void {
    this.#stopped = true
    this.#finder = undefined
    this.#held = ''
    this.#pieces = ''
    this.#isDropped = false
  }

  #read(text: string): void {
    for (let at = 0; at < text.length && !this.#stopped; ) {
      if (this.#finder === undefined) {
        at = this.#readUsual(text, at)
        if (this.#root === undefined) at = this.#passProlog(text, at)
        if (this.#stopped || at === text.length) return
        this.#assertMarkup(text, at)
        const root = this.#prolog === 'whole' ? 'root' : 'declaration or root'
        this.#finder = new EndFinder(this.#root === undefined ? root : 'child')
        this.#mostBytes = this.#rules.limits.maxElementBytes
      }
      at = this.#readOn(this.#finder, text, at)
    }
  }

  #readUsual(text: string, from: number): number {
    let at = from
    if (this.#root === undefined) {
      const root = from === 0 && this.#allowsUsual ? usualXml.readRoot(text) : undefined
      if (root === undefined || this.#isTooLarge(text, usualXml.end)) return at
      at = usualXml.end
      this.#open(root, text.charCodeAt(at - 2) === slash)
    }
    const { qualifiedName, declarations } = this.#root!
    while (!this.#stopped) {
      // White space between elements is a keepalive (RFC 6120 §4.6.1).
      const next = this.#mixedContent && !this.#isClosed ? endOfText(text, at) : endOfSpace(text, at)
      if (next < 0) return at
      at = next
      if (this.#isClosed) return at
      if (text.charCodeAt(at) === less && text.charCodeAt(at + 1) === slash) {
        const end = at + 2 + qualifiedName.length
        if (!text.startsWith(qualifiedName, at + 2) || text.charCodeAt(end) !== greater) break
        at = end + 1
        this.#close()
        continue
      }
      const element = this.#usualChild(text, at, declarations)
      if (element === undefined || isLarger(text, at, usualXml.end, this.#rules.limits.maxElementBytes)) break
      at = usualXml.end
      if (this.#hasRoomFor(element.text)) this.#sink.onElement(element)
      else this.#drop(element.text)
    }
    return at
  }

  #usualChild(text: string, at: number, declarations: Declarations): Element | undefined {
    return this.#allowsUsual ? usualXml.readChild(text, at, declarations, this.#rules.meantNamespace) : undefined
  }

  #passProlog(text: string, from: number): number {
    const hasMark = this.#prolog === 'nothing' && text.charCodeAt(from) === byteOrderMark
    const start = hasMark ? from + 1 : from
    const end = endOfSpace(text, start)
    if (end > start) this.#prolog = 'whole'
    else if (hasMark) this.#prolog = 'mark'
    return end
  }

  #assertMarkup(text: string, at: number): void {
    const isMarkup = text.charCodeAt(at) === less
    const isInRoot = this.#root !== undefined && !this.#isClosed
    if (isMarkup ? isInRoot || this.#root === undefined : isInRoot && this.#mixedContent) return
    if (isInRoot) throw new XmlError('bad-format', 'text between elements')
    const isRestricted = text.startsWith('<!', at) || text.startsWith('<?', at)
    throw new XmlError(isRestricted ? 'restricted-xml' : 'not-well-formed', 'there is something beside the root')
  }

  #readOn(finder: EndFinder, text: string, from: number): number {
    const { maxElementBytes, maxDepth } = this.#rules.limits
    const end = finder.find(text, from)
    const upTo = end < 0 ? text.length : end
    if (!this.#isDropped) {
      const piece = text.slice(from, upTo)
      this.#pieces += keepsTooMuch(piece.length, text.length) ? copyOf(piece) : piece
      const length = this.#held.length + this.#pieces.length
      if (end >= 0 || this.#pieces.length > longestPieces) {
        this.#held += end >= 0 ? this.#pieces : copyOf(this.#pieces)
        this.#pieces = ''
      }
      // `length` counts UTF-16 units. The bytes are counted when the element is complete.
      if (length > this.#mostBytes && this.#mostBytes === maxElementBytes)
        this.#mostBytes = this.#limitOf(this.#held + this.#pieces)
      if (length > this.#mostBytes || finder.deepest > maxDepth) {
        const error = finder.deepest > maxDepth ? tooDeep() : tooLarge()
        const begun = this.#held + this.#pieces
        if (!this.#isDroppable(begun, error)) throw error
        this.#isDropped = true
        this.#beginning = withoutContent(begun) ?? ''
        this.#held = ''
        this.#pieces = ''
      }
    }
    if (end >= 0) this.#readHeld()
    return upTo
  }

  #readHeld(): void {
    const text = this.#root === undefined ? this.#held : this.#held.slice(this.#held.indexOf('<'))
    const isDropped = this.#isDropped
    this.#finder = undefined
    this.#held = ''
    this.#isDropped = false
    if (isDropped) this.#drop(this.#beginning)
    else if (this.#root === undefined) this.#readRoot(text)
    else if (text.startsWith('</')) this.#readEnd(text, this.#root.qualifiedName)
    else if (!text.startsWith('<!')) this.#readChild(text, this.#root.declarations)
    else if (!this.#mixedContent) throw new XmlError('bad-format', 'text between elements')
  }

  #readRoot(text: string): void {
    if (text.startsWith('<?')) {
      // The declaration is checked at once. `<a/>` stands for the root, which may arrive later.
      elementReader.readRoot(`${text}<a/>`, this.#rules)
      this.#prolog = 'whole'
      return
    }
    if (this.#isTooLarge(text, text.length)) throw tooLarge()
    const root = this.#allowsUsual ? usualXml.readRoot(text) : undefined
    this.#open(root ?? elementReader.readRoot(text, this.#rules), text.endsWith('/>'))
  }

  #readEnd(text: string, name: string): void {
    if (!text.startsWith(name, 2) || endOfSpace(text, 2 + name.length) !== text.length - 1)
      throw new XmlError('not-well-formed', 'the root is closed by another name')
    this.#close()
  }

  #readChild(text: string, declarations: Declarations): void {
    let element = this.#usualChild(text, 0, declarations)
    let fate: Fate | undefined
    try {
      if (this.#isTooLarge(text, text.length)) throw tooLarge()
      if (element === undefined) {
        element = elementReader.readChild(text, declarations, this.#rules)
        if (elementReader.isMended) fate = 'mended'
      }
    } catch (error) {
      if (!this.#isDroppable(text, error)) throw error
      this.#drop(text)
      return
    }
    if (!this.#hasRoomFor(text)) element = undefined
    if (element === undefined) this.#drop(text)
    else if (fate !== undefined) this.#sink.onUnfit?.(fate)
    if (element !== undefined && !this.#stopped) this.#sink.onElement(element)
  }

  #open(root: Root, isEmpty: boolean): void {
    assertFewDeclarations(root.declarations, this.#rules.limits.maxDeclarations)
    this.#root = root
    this.#sink.onOpen(root)
    if (isEmpty) this.#close()
  }

  #close(): void {
    this.#isClosed = true
    if (!this.#stopped) this.#sink.onClose()
  }

  #hasRoomFor(text: string): boolean {
    const { maxChildren } = this.#rules.limits
    if (maxChildren === 0 || ++this.#children <= maxChildren) return true
    const isFar = this.#children > mostDropped * maxChildren
    if (isFar || !this.#rules.lenient || !stanza.test(text)) throw new XmlError('policy-violation', 'too many elements')
    return false
  }

  #drop(text: string): void {
    this.#sink.onUnfit?.('dropped', this.#withoutContent(text))
  }

  #withoutContent(text: string): Element | undefined {
    const tag = withoutContent(text)
    if (tag === undefined || this.#root === undefined) return undefined
    const alone = copyOf(tag)
    const { declarations } = this.#root
    try {
      return this.#usualChild(alone, 0, declarations) ?? elementReader.readChild(alone, declarations, this.#rules)
    } catch {
      return undefined
    }
  }

  #isTooLarge(text: string, end: number): boolean {
    return isLarger(text, 0, end, this.#limitOf(text))
  }

  /** Users write stanzas. Servers write other elements, which are short. */
  #limitOf(text: string): number {
    const { maxElementBytes, maxStanzaBytes } = this.#rules.limits
    return this.#rules.lenient && this.#root !== undefined && stanza.test(text) ? maxStanzaBytes : maxElementBytes
  }

  #isDroppable(text: string, error: unknown): boolean {
    const isBeyond = error instanceof XmlError && error.fault === 'policy-violation'
    return isBeyond && this.#rules.lenient && this.#root !== undefined && stanza.test(text)
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

const tooDeep = () => new XmlError('policy-violation', 'elements are nested too deeply')
const tooLarge = () => new XmlError('policy-violation', 'an element is too large')
