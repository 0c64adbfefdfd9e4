import { withoutReferences } from './characters.js'
import type { Element } from './element.js'
import { limitsOfChecked, type XmlLimits } from './limits.js'
import type { Root } from './root.js'
import { readRoot } from './root-reader.js'
import { replaceSections } from './sections.js'
import { type Sink, Splitter, type SplitterOptions } from './splitter.js'
import { XmlError } from './xml-error.js'

interface Document {
  readonly root: Root
  readonly children: readonly Element[]
}

interface DocumentOptions extends Omit<SplitterOptions, 'lenient'> {
  /** The children's text may be this many times as long as the document, because children inherit declarations. */
  readonly maxGrowth?: number
}

/** A factor. `<a/>` with an added declaration of 60 characters is 16 times as long. */
const usualGrowth = 20

/** Throws an `XmlError` for invalid XML or an exceeded limit. */
export function documentReader(limits: XmlLimits, options: DocumentOptions = {}): (text: string) => Document {
  const { maxGrowth = usualGrowth } = options
  let root: Root | undefined
  let children: Element[] = []
  let room = 0
  const sink: Sink = {
    onOpen(opened) {
      root = opened
    },
    onElement(element) {
      room -= element.text.length
      if (room < 0) throw new XmlError('policy-violation', 'the children inherit too much')
      children.push(element)
    },
  }
  const splitter = new Splitter(sink, limits, options)
  return text => {
    room = maxGrowth * text.length
    try {
      splitter.readDocument(text)
      return { root: root!, children }
    } finally {
      // The root may contain a password.
      root = undefined
      children = []
    }
  }
}

// The functions below need text that was checked.

/** Throws an `XmlError` only if the children inherit too many namespaces. */
export const readElement = documentReader(limitsOfChecked, { mixedContent: true })

export function startTagOf(text: string): Root {
  return readRoot(text, 0, limitsOfChecked)!.root
}

export function childrenOf(text: string): readonly Element[] {
  return readElement(text).children
}

/** For elements without children. */
export function textOf(text: string): string {
  const { end, isEmpty } = readRoot(text, 0, limitsOfChecked)!
  if (isEmpty) return ''
  const written = text.slice(end, text.lastIndexOf('</')).replace(/\r\n?/g, '\n')
  return replaceSections(written, withoutReferences, section => section)
}

/** An empty element with the start tag of `text`. */
export function withoutContent(text: string): string {
  const { end, isEmpty } = readRoot(text, 0, limitsOfChecked)!
  return isEmpty ? text : `${text.slice(0, end - 1)}/>`
}
