import { SaxesParser } from 'saxes'
import type { Element, Fate } from './element.js'
import type { XmlLimits } from './limits.js'
import { plain } from './plain.js'
import type { Root } from './root.js'
import { Splitter, type SplitterOptions } from './splitter.js'

/** A document that was read whole: its root's start tag, and the root's children as text. */
export interface Document {
  readonly root: Root
  readonly children: readonly Element[]
  /** What became of children that could not be passed on as they were, where the document was read leniently. */
  readonly fates: readonly Fate[]
}

const none: readonly Fate[] = []

/** Reads whole documents, one after the other. */
export class DocumentReader {
  readonly #splitter: Splitter
  #root: Root | undefined
  #children: Element[] = []
  #fates: Fate[] | undefined

  constructor(limits: XmlLimits, options: SplitterOptions = {}) {
    const sink = {
      onOpen: (root: Root) => {
        this.#root = root
      },
      onElement: (element: Element) => {
        this.#children.push(element)
      },
      onClose() {},
      onUnfit: (fate: Fate) => {
        this.#fates ??= []
        this.#fates.push(fate)
      },
    }
    this.#splitter = new Splitter(sink, limits, options)
  }

  /** Throws an `XmlError` where the text is not one well-formed document within the limits. */
  read(text: string): Document {
    try {
      this.#splitter.readDocument(text)
      return { root: this.#root!, children: this.#children, fates: this.#fates ?? none }
    } finally {
      // A password may be in it, and the next document may be long in coming.
      this.#root = undefined
      this.#children = []
      this.#fates = undefined
    }
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

/** The children of an element, each made independent of it. For text that has been read before. */
export function childrenOf(text: string): readonly Element[] {
  return readElement(text).children
}

/** The text of an element that has no children. For text that has been read before. */
export function textOf(text: string): string {
  return plain.readText(text) ?? parseText(text)
}

function parseText(text: string): string {
  let content = ''
  const add = (part: string) => {
    content += part
  }
  const parser = new SaxesParser({ position: false })
  parser.on('text', add)
  parser.on('cdata', add)
  parser.write(text).close()
  return content
}
