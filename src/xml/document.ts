import { allowPlain, plain } from './plain.js'
import { endOfSpace, endOfText, isLarger } from './plain-text.js'
import { declaresTooMuch, type Root } from './root.js'
import {
  asWritten,
  type Element,
  type Fate,
  type MeantNamespace,
  Scanner,
  type XmlLimits,
} from './scanner.js'
import { XmlError } from './xml-error.js'

/** A document that was read whole: its root's start tag, and the root's children as text. */
export interface Document {
  readonly root: Root
  readonly children: readonly Element[]
  /** What became of children that could not be passed on as they were, where the document was read leniently. */
  readonly fates: readonly Fate[]
}

export interface DocumentOptions {
  readonly meantNamespace?: MeantNamespace
  /** Whether the root may have text beside its children; the text is passed over. */
  readonly mixedContent?: boolean
  /** Whether a server writes the documents, which passes on what strangers wrote: see `Scanner.lenient`. */
  readonly lenient?: boolean
}

const slash = 0x2f

const none: readonly Fate[] = []

/** Reads whole documents, one after the other with the same parser, since making one costs more than most documents. */
export class DocumentReader {
  readonly #limits: XmlLimits
  readonly #options: Required<DocumentOptions>
  #scanner: Scanner
  #root: Root | undefined
  #children: Element[] = []
  #fates: Fate[] = []

  constructor(limits: XmlLimits, options: DocumentOptions = {}) {
    this.#limits = limits
    this.#options = {
      meantNamespace: options.meantNamespace ?? asWritten,
      mixedContent: options.mixedContent ?? false,
      lenient: options.lenient ?? false,
    }
    this.#scanner = this.#createScanner()
  }

  /** Throws an `XmlError` where the text is not one well-formed document within the limits. */
  read(text: string): Document {
    return this.#readPlain(text) ?? this.#scan(text)
  }

  #readPlain(text: string): Document | undefined {
    const { maxChildren, maxDeclarations, maxElementBytes } = this.#limits
    const { meantNamespace, mixedContent } = this.#options
    const root = allowPlain(this.#limits) ? plain.readRoot(text) : undefined
    if (root === undefined || isLarger(text, 0, plain.end, maxElementBytes)) return undefined
    if (declaresTooMuch(root, maxDeclarations)) return undefined
    const children: Element[] = []
    let at = plain.end
    if (!plain.isEmptyRoot) {
      for (;;) {
        at = mixedContent ? endOfText(text, at) : endOfSpace(text, at)
        if (text.charCodeAt(at + 1) === slash) break
        const child = plain.readChild(text, at, root.declarations, meantNamespace)
        if (child === undefined) return undefined
        if (isLarger(text, at, plain.end, maxElementBytes)) return undefined
        // What comes behind it need not be read, be it plain or not.
        if (children.push(child) > maxChildren && maxChildren > 0)
          throw new XmlError('policy-violation', 'too many elements')
        at = plain.end
      }
      if (!plain.readRootEnd(text, at)) return undefined
      at = plain.end
    }
    return endOfSpace(text, at) === text.length ? { root, children, fates: none } : undefined
  }

  #scan(text: string): Document {
    try {
      this.#scanner.write(text)
      this.#scanner.end()
      return { root: this.#root!, children: this.#children, fates: this.#fates }
    } catch (error) {
      // Nobody knows where in the document it stands.
      this.#scanner = this.#createScanner()
      throw error
    } finally {
      // A password may be in it, and the next document may be long in coming.
      this.#root = undefined
      this.#children = []
      this.#fates = []
    }
  }

  #createScanner(): Scanner {
    const sink = {
      onOpen: (root: Root) => {
        this.#root = root
      },
      onElement: (element: Element) => {
        this.#children.push(element)
      },
      onClose() {},
      onUnfit: (fate: Fate) => {
        this.#fates.push(fate)
      },
    }
    const scanner = new Scanner(sink, this.#limits)
    scanner.meantNamespace = this.#options.meantNamespace
    scanner.mixedContent = this.#options.mixedContent
    scanner.lenient = this.#options.lenient
    return scanner
  }
}

/** It passed the limits when it came in; since then it was made to stand alone, which made it larger. */
const noLimits: XmlLimits = {
  maxElementBytes: Number.POSITIVE_INFINITY,
  maxDepth: Number.POSITIVE_INFINITY,
  maxAttributes: Number.POSITIVE_INFINITY,
  maxNameLength: Number.POSITIVE_INFINITY,
  maxChildren: 0,
  maxDeclarations: Number.POSITIVE_INFINITY,
}

const elements = new DocumentReader(noLimits, { mixedContent: true })

/** The start tag of an element that was read before. */
export function startTagOf(text: string): Root {
  return plain.readRoot(text) ?? readElement(text).root
}

/** Reads one element, which was read before as a part of something else, as a document of its own. */
export function readElement(text: string): Document {
  return elements.read(text)
}
