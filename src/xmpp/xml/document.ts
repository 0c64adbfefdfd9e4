import { SaxesParser } from 'saxes'
import { asWritten, type Element, type Unfit } from './element.js'
import { elementReader } from './element-reader.js'
import { EndFinder } from './end-finder.js'
import type { XmlLimits } from './limits.js'
import type { Root } from './root.js'
import { type Sink, Splitter, type SplitterOptions } from './splitter.js'
import { usualXml } from './usual-xml.js'
import { XmlError } from './xml-error.js'

export interface Document {
  readonly root: Root
  readonly children: readonly Element[]
  readonly unfit: readonly Unfit[]
}

interface DocumentOptions extends SplitterOptions {
  /** The children's text may be this many times as long as the document, because children inherit declarations. */
  readonly maxGrowth?: number
}

/** A factor. `<a/>` with an added declaration of 60 characters is 16 times as long. */
const usualGrowth = 20

const none: readonly Unfit[] = []

/** Throws an `XmlError` for invalid XML or an exceeded limit. */
export function documentReader(limits: XmlLimits, options: DocumentOptions = {}): (text: string) => Document {
  const { maxGrowth = usualGrowth } = options
  let root: Root | undefined
  let children: Element[] = []
  let unfit: Unfit[] | undefined
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
    onClose() {},
    onUnfit(fate, dropped) {
      unfit ??= []
      unfit.push({ fate, dropped })
    },
  }
  const splitter = new Splitter(sink, limits, options)
  return text => {
    room = maxGrowth * text.length
    try {
      splitter.readDocument(text)
      return { root: root!, children, unfit: unfit ?? none }
    } finally {
      // The root may contain a password.
      root = undefined
      children = []
      unfit = undefined
    }
  }
}

const noLimits: XmlLimits = {
  maxElementBytes: Number.POSITIVE_INFINITY,
  maxStanzaBytes: Number.POSITIVE_INFINITY,
  maxDepth: Number.POSITIVE_INFINITY,
  maxAttributes: Number.POSITIVE_INFINITY,
  maxNameLength: Number.POSITIVE_INFINITY,
  maxChildren: 0,
  maxDeclarations: Number.POSITIVE_INFINITY,
}

// The functions below need text that was checked.

/** Throws an `XmlError` only if the children inherit too many namespaces. */
export const readElement = documentReader(noLimits, { mixedContent: true })

const tagRules = { limits: noLimits, meantNamespace: asWritten, lenient: false }

export function startTagOf(text: string): Root {
  return usualXml.readRoot(text) ?? elementReader.readRoot(text.slice(0, new EndFinder('root').find(text)), tagRules)
}

export function childrenOf(text: string): readonly Element[] {
  return readElement(text).children
}

/** For elements without children. */
export function textOf(text: string): string {
  return usualXml.readText(text) ?? parseText(text)
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
