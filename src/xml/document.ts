import { allowPlain, plain } from './plain.js'
import { endOfSpace, endOfText } from './plain-text.js'
import type { Root } from './root.js'
import {
  asWritten,
  defaultLimits,
  type Element,
  type MeantNamespace,
  Scanner,
  type XmlLimits,
} from './scanner.js'

/** A document that was read whole: its root's start tag, and the root's children as text. */
export interface Document {
  readonly root: Root
  readonly children: readonly Element[]
}

export interface DocumentOptions {
  readonly meantNamespace?: MeantNamespace
  /** Whether the root may have text beside its children; the text is passed over. */
  readonly mixedContent?: boolean
}

const slash = 0x2f

/** Reads whole documents, one after the other with the same parser, since making one costs more than most documents. */
export class DocumentReader {
  readonly #limits: XmlLimits
  readonly #meantNamespace: MeantNamespace
  readonly #mixedContent: boolean
  #scanner: Scanner
  #root: Root | undefined
  #children: Element[] = []

  constructor(limits: XmlLimits, { meantNamespace = asWritten, mixedContent = false }: DocumentOptions = {}) {
    this.#limits = limits
    this.#meantNamespace = meantNamespace
    this.#mixedContent = mixedContent
    this.#scanner = this.#createScanner()
  }

  /** Throws an `XmlError` where the text is not one well-formed document within the limits. */
  read(text: string): Document {
    return this.#readPlain(text) ?? this.#scan(text)
  }

  #readPlain(text: string): Document | undefined {
    const { maxChildren } = this.#limits
    const root = allowPlain(text, this.#limits) ? plain.readRoot(text) : undefined
    if (root === undefined) return undefined
    const children: Element[] = []
    let at = plain.end
    if (!plain.isEmptyRoot) {
      for (;;) {
        at = this.#mixedContent ? endOfText(text, at) : endOfSpace(text, at)
        if (text.charCodeAt(at + 1) === slash) break
        const child = plain.readChild(text, at, root.declarations, this.#meantNamespace)
        if (child === undefined || (children.push(child) > maxChildren && maxChildren > 0)) return undefined
        at = plain.end
      }
      if (!plain.readRootEnd(text, at)) return undefined
      at = plain.end
    }
    return endOfSpace(text, at) === text.length ? { root, children } : undefined
  }

  #scan(text: string): Document {
    try {
      this.#scanner.write(text)
      this.#scanner.end()
      return { root: this.#root!, children: this.#children }
    } catch (error) {
      // Nobody knows where in the document it stands.
      this.#scanner = this.#createScanner()
      throw error
    } finally {
      // A password may be in it, and the next document may be long in coming.
      this.#root = undefined
      this.#children = []
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
    }
    const scanner = new Scanner(sink, this.#limits)
    scanner.meantNamespace = this.#meantNamespace
    scanner.mixedContent = this.#mixedContent
    return scanner
  }
}

/** It passed the limits when it came in; since then it was made to stand alone, which made it larger. */
const noLimits = {
  ...defaultLimits,
  maxElementBytes: Number.POSITIVE_INFINITY,
  maxDepth: Number.POSITIVE_INFINITY,
  maxAttributes: Number.POSITIVE_INFINITY,
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
