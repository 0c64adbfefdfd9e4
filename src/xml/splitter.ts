import { type Context, contextOf, release } from './context.js'
import { allowPlain, plain } from './plain.js'
import { endOfSpace, isLarger } from './plain-text.js'
import { declaresTooMuch } from './root.js'
import { asWritten, Scanner, type Sink, type XmlLimits } from './scanner.js'
import { readUtf8 } from './utf8.js'
import { XmlError } from './xml-error.js'

/** How much the scanner reads before the rest may be plain again, in UTF-16 units. */
const longestPiece = 4096

const nobody: Sink = { onOpen() {}, onElement() {}, onClose() {} }

/**
 * Splits a server's stream into its top-level elements, each reported as the text it arrived in.
 * Between two elements it holds no parser: streams whose headers declare the same namespaces share a few.
 */
export class Splitter {
  readonly #sink: Sink
  readonly #limits: XmlLimits
  readonly #lenient: boolean
  #scanner: Scanner | undefined
  /** Once the stream is open. */
  #context: Context | undefined
  /** Bytes of a character that is not complete yet. */
  #tail: Buffer | undefined
  #stopped = false

  /** `lenient` where a server writes the stream, which passes on what strangers wrote: see `Scanner.lenient`. */
  constructor(sink: Sink, limits: XmlLimits, { lenient = false } = {}) {
    this.#sink = sink
    this.#limits = limits
    this.#lenient = lenient
  }

  /** Whether nothing of an unfinished element is held, nor of the stream's header. */
  get isBetweenElements(): boolean {
    return this.#context !== undefined && this.#scanner === undefined && this.#tail === undefined
  }

  /**
   * Reads on; everything that became whole is reported before this returns.
   * Throws an `XmlError`, after which nothing more is read.
   */
  write(chunk: Buffer): void {
    if (this.#stopped) return
    try {
      const text = this.#decode(chunk)
      for (let rest = text; rest !== ''; ) {
        if (this.#scanner === undefined) rest = this.#readPlain(rest)
        if (rest === '' || this.#stopped) return
        const scanner = this.#scanner ?? this.#resume()
        this.#scanner = scanner
        const piece = rest.slice(0, longestPiece)
        rest = rest.slice(longestPiece)
        scanner.write(piece)
        if (scanner.atRest && !this.#stopped) this.#release(scanner)
      }
    } catch (error) {
      // What stands behind the element at which reading was stopped may be anything.
      if (this.#stopped && error instanceof XmlError) return
      this.#stopped = true
      this.#scanner = undefined
      throw error
    }
  }

  /** Reports nothing more, not even the rest of a chunk that is being read. */
  stop(): void {
    this.#stopped = true
    if (this.#scanner !== undefined) this.#scanner.sink = nobody
    this.#scanner = undefined
  }

  /** Reads the whole elements that are plain, and the white space around them. Returns what is left. */
  #readPlain(text: string): string {
    if (!allowPlain(this.#limits) || this.#limits.maxChildren > 0) return text
    let at = 0
    if (this.#context === undefined) {
      const root = plain.readRoot(text)
      if (
        root === undefined ||
        plain.isEmptyRoot ||
        isLarger(text, 0, plain.end, this.#limits.maxElementBytes) ||
        declaresTooMuch(root, this.#limits.maxDeclarations)
      )
        return text
      at = plain.end
      this.#context = contextOf(root)
      this.#sink.onOpen(root)
    }
    const { declarations } = this.#context
    while (!this.#stopped) {
      // A keepalive between two elements needs nobody to read it (RFC 6120 §4.6.1).
      at = endOfSpace(text, at)
      const element = plain.readChild(text, at, declarations, asWritten)
      // One that is too large is the scanner's, which knows what becomes of it.
      if (element === undefined || isLarger(text, at, plain.end, this.#limits.maxElementBytes)) break
      at = plain.end
      this.#sink.onElement(element)
    }
    return this.#stopped ? '' : text.slice(at)
  }

  #resume(): Scanner {
    const scanner =
      this.#context === undefined
        ? new Scanner(this.#sink, this.#limits)
        : (this.#context.idle.pop() ?? opened(this.#context.start))
    scanner.lenient = this.#lenient
    scanner.sink = this.#sink
    scanner.limits = this.#limits
    return scanner
  }

  #release(scanner: Scanner): void {
    this.#scanner = undefined
    scanner.sink = nobody
    this.#context ??= contextOf(scanner.root!)
    release(scanner, this.#context)
  }

  /** Text of the chunk, an unfinished character at its end kept for the next (RFC 6120 §11.6: UTF-8 only). */
  #decode(chunk: Buffer): string {
    const bytes = this.#tail === undefined ? chunk : Buffer.concat([this.#tail, chunk])
    const whole = bytes.length - unfinished(bytes)
    this.#tail = whole === bytes.length ? undefined : Buffer.from(bytes.subarray(whole))
    const complete = whole === bytes.length ? bytes : bytes.subarray(0, whole)
    const text = readUtf8(complete)
    if (text === undefined) throw new XmlError('unsupported-encoding', 'the text is not UTF-8')
    return text
  }
}

/** A scanner that stands right behind this start tag. */
function opened(start: string): Scanner {
  const scanner = new Scanner(nobody, {
    maxElementBytes: 65536,
    maxDepth: 1,
    maxAttributes: 1024,
    maxNameLength: 65536,
    maxChildren: 0,
    maxDeclarations: Number.POSITIVE_INFINITY,
  })
  scanner.write(start)
  return scanner
}

/** Number of bytes at the end that begin a character without ending it. */
function unfinished(bytes: Buffer): number {
  const last = bytes.length - 1
  for (let back = 0; back < 3 && back <= last; back++) {
    const byte = bytes[last - back]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return back + 1 < length ? back + 1 : 0
    }
  }
  return 0
}
