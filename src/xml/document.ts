import {
  defaultLimits,
  type Element,
  type MeantNamespace,
  type Root,
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

/** Reads whole documents, one after the other with the same parser, since making one costs more than most documents. */
export class DocumentReader {
  readonly #limits: XmlLimits
  readonly #about: DocumentOptions
  #scanner: Scanner
  #root: Root | undefined
  #children: Element[] = []

  constructor(limits: XmlLimits, about: DocumentOptions = {}) {
    this.#limits = limits
    this.#about = about
    this.#scanner = this.#createScanner()
  }

  /** Throws an `XmlError` where the text is not one well-formed document within the limits. */
  read(text: string): Document {
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
    const { meantNamespace, mixedContent = false } = this.#about
    if (meantNamespace !== undefined) scanner.meantNamespace = meantNamespace
    scanner.mixedContent = mixedContent
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

/** Reads one element, which was read before as a part of something else, as a document of its own. */
export function readElement(text: string): Document {
  return elements.read(text)
}
