import { SaxesParser } from 'saxes'
import type { Element, Fate } from './element.js'
import type { XmlLimits } from './limits.js'
import { plain } from './plain.js'
import type { Root } from './root.js'
import { type Sink, Splitter, type SplitterOptions } from './splitter.js'

/** A document that was read whole: its root's start tag, and the root's children as text. */
export interface Document {
  readonly root: Root
  readonly children: readonly Element[]
  /** What became of children that could not be passed on as they were, where the document was read leniently. */
  readonly fates: readonly Fate[]
}

const none: readonly Fate[] = []

/** Reads whole documents. Throws an `XmlError` where one is not well-formed, or beyond the limits. */
export function documentReader(limits: XmlLimits, options: SplitterOptions = {}): (text: string) => Document {
  let root: Root | undefined
  let children: Element[] = []
  let fates: Fate[] | undefined
  const sink: Sink = {
    onOpen(opened) {
      root = opened
    },
    onElement(element) {
      children.push(element)
    },
    onClose() {},
    onUnfit(fate) {
      fates ??= []
      fates.push(fate)
    },
  }
  const splitter = new Splitter(sink, limits, options)
  return text => {
    try {
      splitter.readDocument(text)
      return { root: root!, children, fates: fates ?? none }
    } finally {
      // A password may be in it, and the next document may be long in coming.
      root = undefined
      children = []
      fates = undefined
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

/** Reads one element, which was read before as a part of something else, as a document of its own. */
export const readElement = documentReader(noLimits, { mixedContent: true })

/** The start tag of an element that was read before. */
export function startTagOf(text: string): Root {
  return plain.readRoot(text) ?? readElement(text).root
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
