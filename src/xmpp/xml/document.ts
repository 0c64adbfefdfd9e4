import { SaxesParser } from 'saxes'
import type { Element, Fate } from './element.js'
import type { XmlLimits } from './limits.js'
import { plain } from './plain.js'
import type { Root } from './root.js'
import { type Sink, Splitter, type SplitterOptions } from './splitter.js'

/** A root's start tag, and its children as text. */
export interface Document {
  readonly root: Root
  readonly children: readonly Element[]
  /** Changed or dropped children, in lenient mode. */
  readonly fates: readonly Fate[]
}

const none: readonly Fate[] = []

/** Throws an `XmlError` for bad XML or a broken limit. */
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
      // It may contain a password.
      root = undefined
      children = []
      fates = undefined
    }
  }
}

/** Checked on arrival. Its namespaces have made it longer since. */
const noLimits: XmlLimits = {
  maxElementBytes: Number.POSITIVE_INFINITY,
  maxDepth: Number.POSITIVE_INFINITY,
  maxAttributes: Number.POSITIVE_INFINITY,
  maxNameLength: Number.POSITIVE_INFINITY,
  maxChildren: 0,
  maxDeclarations: Number.POSITIVE_INFINITY,
}

/** Reads an element that was checked before. */
export const readElement = documentReader(noLimits, { mixedContent: true })

/** For an element that was checked before. */
export function startTagOf(text: string): Root {
  return plain.readRoot(text) ?? readElement(text).root
}

/** The children as independent elements. For an element that was checked before. */
export function childrenOf(text: string): readonly Element[] {
  return readElement(text).children
}

/** The text of an element without children. For an element that was checked before. */
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
