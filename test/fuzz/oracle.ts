// What a document says, found out with nothing but saxes and a tree; slow, and simple enough to be believed.
import { type SaxesAttributeNS, SaxesParser } from 'saxes'
import { escapeXml } from '../../src/xmpp/xml/escape.js'
import { defaultLimits } from '../../src/xmpp/xml/limits.js'

/** A child of the root. */
export interface Child {
  readonly name: string
  readonly namespace: string
}

export interface Judged {
  /** Why it is refused. */
  refused: string | undefined
  root: Child | undefined
  readonly children: Child[]
  /** The root was closed. */
  closed: boolean
  /**
   * Something stands between two elements that is white space once read and a reference as it is written. Before
   * a child it is refused, since it would be taken for a part of it; behind the last one it may be or not.
   */
  hasSpaceReference: boolean
  /**
   * A reference has no end before the next tag or section, or before the end of the text, or a tag none before another `<`
   * that the text ends with; whether it is looked for behind them makes no difference. Or an end tag has none, whose name
   * saxes compares once it is whole.
   */
  hasBrokenReference: boolean
}

/** saxes checks whole names only (Namespaces in XML 1.0 §4). */
const isLocal = (name: string) => !/^(?:[-.0-9\u00b7\u203f\u2040]|[\u0300-\u036f])/.test(name)

class Refused extends Error {}

function refuse(why: string): never {
  throw new Refused(why)
}

/** Reads a document. `isWhole` says that nothing more will come, and that its root must have been closed. */
export function judge(
  text: string,
  {
    isWhole = true,
    maxChildren = 0,
    maxAttributes = defaultLimits.maxAttributes,
    maxDeclarations = defaultLimits.maxDeclarations,
  } = {},
): Judged {
  const judged: Judged = {
    refused: undefined,
    root: undefined,
    closed: false,
    hasSpaceReference: false,
    hasBrokenReference: false,
    children: [],
  }
  const parser = new SaxesParser({
    xmlns: true,
    position: false,
    forceXMLVersion: true,
    defaultXMLVersion: '1.0',
  })
  let depth = 0
  /** The end of the last child, or of the root's start tag. */
  let readUpTo = 0
  let attributes = 0
  let excess: string | undefined
  parser.on('error', error => refuse(error.message))
  parser.on('doctype', () => refuse('a document type'))
  parser.on('comment', () => refuse('a comment'))
  parser.on('processinginstruction', () => refuse('an instruction'))
  parser.on('xmldecl', ({ encoding }) => {
    if (encoding !== undefined && !['utf-8', 'utf8'].includes(encoding.toLowerCase())) refuse('an encoding')
  })
  parser.on('cdata', () => {
    if (depth < 2) refuse('text between elements')
  })
  parser.on('text', words => {
    if (depth < 2 && /[^ \t\r\n]/.test(words)) refuse('text between elements')
  })
  parser.on('attribute', ({ name, prefix, local, value }) => {
    if (!isLocal(local)) refuse('a local name')
    if ((prefix === 'xmlns' || name === 'xmlns') && value !== value.trim()) refuse('white space around a namespace')
    // Judged with the whole tag: one that never ends is ended by its size.
    if (++attributes > maxAttributes) excess = 'too many attributes'
    if (name.length > defaultLimits.maxNameLength) excess = 'a long name'
  })
  parser.on('opentag', ({ name, local, uri, ns }) => {
    if (excess !== undefined) refuse(excess)
    if (!isLocal(local)) refuse('a local name')
    if (name.length > defaultLimits.maxNameLength) refuse('a long name')
    if (depth > defaultLimits.maxDepth) refuse('too deep')
    attributes = 0
    const declarations = Object.entries(ns)
      .map(([prefix, uri]) => prefix + (depth === 0 || prefix !== '' ? escapeXml(uri) : uri))
      .join('')
    if (depth < 2 && declarations.length > maxDeclarations) refuse('long declarations')
    if (depth === 0) {
      judged.root = { name: local, namespace: uri }
      readUpTo = parser.position
    }
    if (depth === 1) judged.children.push({ name: local, namespace: uri })
    if (maxChildren > 0 && judged.children.length > maxChildren) refuse('too many children')
    depth += 1
  })
  parser.on('closetag', () => {
    depth -= 1
    if (depth === 0) judged.closed = true
    if (depth < 2) readUpTo = parser.position
  })
  try {
    // What may begin a section of CDATA is looked at once more has come.
    parser.write(isWhole ? text : text.replace(/<(?:!(?:\[(?:C(?:D(?:A(?:TA?)?)?)?)?)?)?$/, ''))
    if (isWhole) parser.close()
    // saxes waits for the next tag; that no tag begins here is plain to see before.
    else if (depth === 1 && /^[ \t\r\n]*(?:[^ \t\r\n<]|<!\[)/.test(text.slice(readUpTo)))
      refuse('text between elements')
    if (judged.closed && text.slice(readUpTo).includes('<')) refuse('something behind the root')
    if (/^\ufeff?<\?[^>]*(?<!\?)>/.test(text)) refuse('no end of a declaration')
    if (!isWhole && beginsRestricted(text)) refuse('restricted')
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    judged.refused = error.message
  }
  // As good as any: such a reference nowhere is a reference between nowhere.
  judged.hasBrokenReference =
    hasBrokenReference(isWhole ? text : `${text}<`) || (!isWhole && /<[^>]*<$|<\/[^<>]*$/.test(text))
  judged.hasSpaceReference = /&#(?:x0*(?:20|9|a|d)|0*(?:32|9|10|13));/i.test(text)
  return judged
}

/** Whether a comment, an instruction or a document type begins somewhere, which saxes reports where it ends. */
function beginsRestricted(text: string): boolean {
  const other = text.replace(/^\ufeff?<\?[^>]*>?/, '').replaceAll(sections, '')
  return [...other.matchAll(/<[!?]/g)].some(({ index }) => !'<![CDATA['.startsWith(other.slice(index, index + 9)))
}

const sections = /<!\[CDATA\[[\s\S]*?(?:\]\]>|$)/g

function hasBrokenReference(text: string): boolean {
  return /&[^;<]*</.test(text.replaceAll(sections, '<'))
}

/** What is wrong with a piece of XML that has to be well-formed, if something is. */
export function wrongWith(text: string): string | undefined {
  const parser = new SaxesParser({ xmlns: true })
  try {
    parser.on('error', error => refuse(error.message))
    parser.write(text).close()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Whether a document, or the beginning of one, is well-formed XML, whatever its namespaces are. */
export function isWellFormed(text: string, { isWhole = false } = {}): boolean {
  const parser = new SaxesParser({ forceXMLVersion: true, defaultXMLVersion: '1.0' })
  try {
    parser.on('error', error => refuse(error.message))
    parser.write(text)
    if (isWhole) parser.close()
    return !hasBrokenReference(text)
  } catch {
    return false
  }
}

/** The one child of a body, as a client finds it there. */
export function insideBody(text: string): Child | undefined {
  const body = `<body xmlns='http://jabber.org/protocol/httpbind'>${text}</body>`
  // What was missing is declared on it now, and may be one more than a peer may send.
  return judge(body, {
    maxAttributes: Number.POSITIVE_INFINITY,
    maxDeclarations: Number.POSITIVE_INFINITY,
  }).children[0]
}

/** Independent of how the element is written. */
export type Meaning = { name: string; attributes: Record<string, string>; content: (string | Meaning)[] }

/** Parses a document with saxes. */
export function meaning(xml: string): Meaning[] {
  const document: Meaning = { name: '', attributes: {}, content: [] }
  const open = [document]
  const parser = new SaxesParser({ xmlns: true })
  parser.on('error', error => {
    throw error
  })
  parser.on('opentag', ({ uri, local, attributes }) => {
    const element: Meaning = { name: `{${uri}}${local}`, attributes: Object.create(null), content: [] }
    for (const each of Object.values<SaxesAttributeNS>(attributes)) {
      if (each.uri !== 'http://www.w3.org/2000/xmlns/') element.attributes[`{${each.uri}}${each.local}`] = each.value
    }
    open.at(-1)!.content.push(element)
    open.push(element)
  })
  parser.on('closetag', () => open.pop())
  const add = (words: string) => {
    const { content } = open.at(-1)!
    if (typeof content.at(-1) === 'string') content[content.length - 1] += words
    else content.push(words)
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.write(xml)
  return document.content.filter(part => typeof part !== 'string')
}
