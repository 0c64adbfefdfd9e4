import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { referCarriageReturns } from './carriage-returns.js'
import { escapeXml } from './escape.js'
import { endOfSpace, isLarger, isSpace } from './plain-text.js'
import { declaresTooMuch, Root } from './root.js'
import { Sections } from './sections.js'
import { Skipper } from './skipper.js'
import { redeclare, startTag } from './start-tag.js'
import { XmlError } from './xml-error.js'

/** How much of what a peer may send (checked while parsing, not after). */
export interface XmlLimits {
  /** Longest top-level element accepted, in bytes of UTF-8. */
  readonly maxElementBytes: number
  /** Deepest nesting, the root counted as 0. */
  readonly maxDepth: number
  readonly maxAttributes: number
  /** Longest element or attribute name, in characters. */
  readonly maxNameLength: number
  /** Most top-level elements; 0 for no limit. */
  readonly maxChildren: number
  /** Longest declarations of the root's, in characters: all its prefixes and namespaces together. */
  readonly maxDeclarations: number
}

export const defaultLimits: XmlLimits = {
  maxElementBytes: 1024 * 1024,
  maxDepth: 128,
  maxAttributes: 64,
  maxNameLength: 256,
  maxChildren: 0,
  maxDeclarations: 512,
}

/** A child of the root, as the text it arrived in, made independent of the root's namespace declarations. */
export interface Element {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  readonly text: string
}

/** What became of a child that is well-formed XML, and breaks the rules of namespaces or is beyond the limits. */
export type Fate = 'mended' | 'dropped'

/** Receives a document as it is read. */
export interface Sink {
  onOpen(root: Root): void
  onElement(element: Element): void
  onClose(): void
  /** Called, where the scanner is lenient, before a mended child is reported, and in place of a dropped one. */
  onUnfit?(fate: Fate): void
}

/** The namespace that a child of the root is meant to be in, by its local name and the one it was written in. */
export type MeantNamespace = (name: string, namespace: string) => string

/** What was written was meant. */
export const asWritten: MeantNamespace = (_name, namespace) => namespace

type Parser = SaxesParser<{ xmlns: true; forceXMLVersion: true; defaultXMLVersion: '1.0' }>

const none: Readonly<Record<string, string>> = {}

/** What is made up for a prefix that nothing declares begins like this, and the prefix follows. */
const undeclared = 'urn:undeclared-prefix:'

/** The beginning of what users send each other; all else is the server's own. */
const stanza = /^[ \t\r\n]*<(?:[^ \t\r\n<>/:]*:)?(?:message|presence|iq)[ \t\r\n/>]/

/** A child with more undeclared prefixes is dropped: each of them makes its start tag longer. */
const mostUndeclared = 64

/** A child that breaks more rules of namespaces is read no further, but read over. */
const mostFaults = 10

/**
 * How saxes words what breaks the rules of namespaces and not those of XML (Namespaces in XML 1.0 §2-§6). Of an attribute
 * that stands twice it cannot be told which of the two it breaks.
 */
const namespaceFaults = [
  'xml prefix must be bound',
  'xmlns prefix must be bound',
  'the default namespace may not be set',
  'may not assign',
  'invalid attempt to undefine',
  'malformed name',
  'unbound namespace prefix',
  'tags may not have "xmlns"',
  'duplicate attribute',
]

/**
 * Reads a document whose root may stay open for days and reports each child of the root as text.
 * No tree is built: saxes checks well-formedness and namespaces, and the text between two positions is passed on.
 * After an `XmlError` the scanner is spent.
 */
export class Scanner {
  sink: Sink
  limits: XmlLimits
  meantNamespace = asWritten
  /** Whether the root may have text beside its children. */
  mixedContent = false
  /**
   * Whether the document comes from a server, which passes on what strangers wrote. Children that break the rules of
   * namespaces are mended or dropped then, and stanzas beyond the limits are dropped, in place of ending the document; and
   * carriage returns, which no XML parser leaves in a text unless they were written as references, are written as
   * references again.
   */
  lenient = false
  #parser = this.#createParser()
  #sections = new Sections()
  #depth = 0
  #children = 0
  #rootDeclarations: Readonly<Record<string, string>> = none
  #top: SaxesTagNS | undefined
  #inheritsDefault = false
  /** The root's prefixes that the child uses. */
  readonly #prefixes = new Set<string>()
  /** Prefixes that the child uses and that nothing declares. */
  readonly #undeclared = new Set<string>()
  /** Whether the child is to be dropped once it is whole, and how many rules of namespaces it breaks. */
  #isBroken = false
  #faults = 0
  /** How many attributes the tag has that is being read, and those of them that have a prefix. */
  #attributes = 0
  readonly #prefixed: SaxesAttributeNS[] = []
  /** Whether it declares a namespace. */
  #declares = false
  /** While a child is read over that is beyond the limits. */
  #skipper: Skipper | undefined
  /** The open elements inside the child, by depth. */
  readonly #open: SaxesTagNS[] = []
  /** Text from the end of the last whole child on, and where in the document it begins. */
  #held = ''
  #heldFrom = 0
  /** Whether what is held begins with something else than white space. */
  #begun = false

  constructor(sink: Sink, limits: XmlLimits) {
    this.sink = sink
    this.limits = limits
  }

  /** The root, while it is open. */
  get root(): Root | undefined {
    return this.#root
  }
  #root: Root | undefined

  /** True between two children: nothing of this document's own is held. */
  get atRest(): boolean {
    return this.#depth === 1 && this.#held === '' && this.#skipper === undefined
  }

  /** Reads on; calls the sink for everything that became whole. Throws an `XmlError`. */
  write(text: string): void {
    while (text !== '')
      text = this.#skipper === undefined ? this.#scan(text) : this.#skip(this.#skipper, text)
  }

  /** Reads what comes next. Returns what is to be read over, if a child is beyond the limits. */
  #scan(text: string): string {
    this.#held = this.#held === '' ? text : this.#held + text
    try {
      this.#parser.write(this.#sections.pass(text))
      if (this.#sections.fault !== undefined) throw this.#sections.fault
      if (!this.#begun) this.#dropSpace()
      if (this.#depth === 0) this.#assertEncoding()
      // Characters are at most as many as bytes, so this only ever lets through what `#closeChild` will weigh.
      if (this.#held.length > this.limits.maxElementBytes) this.#tooMuch('an element is too large')
      return ''
    } catch (error) {
      if (!this.#isTooMuch) throw error
      return this.#giveUp()
    }
  }

  /** Reads over the rest of a child. Returns what comes behind it. */
  #skip(skipper: Skipper, text: string): string {
    const end = skipper.skip(text)
    if (end < 0) return ''
    this.#skipper = undefined
    this.sink.onUnfit?.('dropped')
    return text.slice(end)
  }

  /** Ends the document: its root must have been closed. The scanner is ready for another one. */
  end(): void {
    this.#parser.write(this.#sections.heldBack).close()
    this.#sections = new Sections()
    this.#depth = 0
    this.#children = 0
    this.#held = ''
    this.#heldFrom = 0
    this.#begun = false
    // Parts of the document's text, each of which would keep the whole of it.
    this.#rootDeclarations = none
    this.#root = undefined
  }

  #createParser(): Parser {
    const parser = new SaxesParser({
      xmlns: true,
      position: false,
      forceXMLVersion: true,
      defaultXMLVersion: '1.0',
      resolvePrefix: (prefix: string) => this.#declare(prefix),
    })
    // No more handlers than these: with a seventh V8 makes the parser a table to look everything up in, which
    // takes five times as long. Text and attributes are judged by what they are part of.
    parser.on('error', ({ message }) => {
      const isMinor = this.lenient && this.#depth > 0 && namespaceFaults.some(it => message.startsWith(it))
      if (!isMinor) throw new XmlError('not-well-formed', 'the XML is not well-formed')
      this.#isBroken = true
      // Each of them takes as long as a few hundred characters.
      if (++this.#faults < mostFaults) return
      this.#isTooMuch = true
      throw new XmlError('policy-violation', 'a child breaks too many rules')
    })
    parser.on('processinginstruction', () => {
      throw new XmlError('restricted-xml', 'an instruction is not allowed')
    })
    parser.on('attribute', attribute => this.#takeAttribute(attribute as SaxesAttributeNS))
    parser.on('opentag', tag => this.#opened(tag))
    parser.on('closetag', tag => this.#closed(tag))
    return parser
  }

  /** Ends the document, or where that is not to be, the reading of the child. */
  #tooMuch(what: string): never {
    this.#isTooMuch = this.lenient && this.#root !== undefined && stanza.test(this.#held)
    throw new XmlError('policy-violation', what)
  }
  #isTooMuch = false

  /**
   * Begins to read over the child at hand: what stands in it is not worth a parser's time, which grows with the depth.
   * Another parser goes on behind it, where the document's root is open and nothing else. Returns what is held of the child.
   */
  #giveUp(): string {
    const child = this.#held
    this.#isTooMuch = false
    this.#isBroken = false
    this.#faults = 0
    this.#undeclared.clear()
    this.#top = undefined
    this.#open.length = 0
    this.#held = ''
    this.#begun = false
    this.#depth = 0
    this.#attributes = 0
    this.#prefixed.length = 0
    this.#declares = false
    this.#parser = this.#createParser()
    this.#sections = new Sections()
    const { qualifiedName, declarations } = this.#root!
    const start = startTag(qualifiedName, declarations)
    this.#parser.write(this.#sections.pass(start))
    this.#heldFrom = start.length
    this.#skipper = new Skipper()
    return child
  }

  /** The namespace of a prefix that nothing declares, where one is made up. */
  #declare(prefix: string): string | undefined {
    if (!this.lenient || prefix === '' || this.#depth === 0) return undefined
    this.#undeclared.add(prefix)
    if (this.#undeclared.size > mostUndeclared) this.#isBroken = true
    return undeclared + prefix
  }

  #opened(tag: SaxesTagNS): void {
    this.#openTag(tag)
    this.#attributes = 0
    // To set its length takes longer.
    while (this.#prefixed.length > 0) this.#prefixed.pop()
    this.#declares = false
  }

  #openTag(tag: SaxesTagNS): void {
    const depth = this.#depth++
    if (depth === 0) {
      this.#openedRoot(tag)
      return
    }
    if (depth === 1) {
      // No tag has another `<` in it: this one is where the child starts.
      const start = this.#held.lastIndexOf('<', this.#parser.position - this.#heldFrom - 1)
      if (this.mixedContent) this.#drop(start)
      else if (start > 0) assertSpace(this.#held.slice(0, start))
      this.#top = tag
      this.#inheritsDefault = false
      this.#prefixes.clear()
    } else this.#open[depth] = tag
    if (depth > this.limits.maxDepth) this.#tooMuch('elements are nested too deeply')
    if (tag.name.length > this.limits.maxNameLength) this.#tooMuch('a name is too long')
    if (tag.prefix === '') this.#inheritsDefault ||= tag.uri === (this.#rootDeclarations[''] ?? '')
    this.#notePrefixes(tag, depth > 2 ? this.#open[depth - 1] : undefined)
  }

  #openedRoot(tag: SaxesTagNS): void {
    this.#rootDeclarations = tag.ns
    // It is open already for another parser.
    if (this.#root !== undefined) return
    if (tag.name.length > this.limits.maxNameLength) this.#tooMuch('a name is too long')
    this.#assertEncoding()
    this.#root = rootOf(tag)
    if (declaresTooMuch(this.#root, this.limits.maxDeclarations))
      throw new XmlError('policy-violation', 'the root declares too much')
    this.#drop(this.#parser.position - this.#heldFrom)
    this.sink.onOpen(this.#root)
  }

  #assertEncoding(): void {
    const { encoding } = this.#parser.xmlDecl
    if (encoding === undefined || /^utf-?8$/i.test(encoding)) return
    throw new XmlError('unsupported-encoding', 'only UTF-8 is read')
  }

  #takeAttribute(attribute: SaxesAttributeNS): void {
    const { maxNameLength, maxAttributes } = this.limits
    if (++this.#attributes > maxAttributes) this.#tooMuch('too many attributes')
    if (attribute.name.length > maxNameLength) this.#tooMuch('a name is too long')
    if (attribute.prefix === 'xmlns' || attribute.name === 'xmlns') this.#declares = true
    else if (attribute.prefix !== '') this.#prefixed.push(attribute)
  }

  /** Takes note of where what the prefixes of a tag stand for comes from. */
  #notePrefixes(tag: SaxesTagNS, around: SaxesTagNS | undefined): void {
    this.#note(tag.prefix, tag.uri, tag, around)
    for (const { prefix, uri } of this.#prefixed) this.#note(prefix, uri, tag, around)
  }

  /**
   * A prefix that a tag uses. The element around it learns what it stands for: saxes looks for each prefix through all
   * elements that are open, and this way through no more than one for each that is used again.
   */
  #note(prefix: string, uri: string, { ns }: SaxesTagNS, around: SaxesTagNS | undefined): void {
    if (around !== undefined && around.ns[prefix] === undefined && !(this.#declares && prefix in ns))
      around.ns[prefix] = uri
    if (prefix === '' || prefix === 'xml') return
    if (this.#rootDeclarations[prefix] !== undefined) this.#prefixes.add(prefix)
  }

  #closed(tag: SaxesTagNS): void {
    if (--this.#depth > 1) return
    const end = this.#parser.position - this.#heldFrom
    if (this.#depth === 1) this.#closeChild(tag, end)
    else this.#closeRoot(tag, end)
  }

  #closeChild(tag: SaxesTagNS, end: number): void {
    const text = this.#held.slice(endOfSpace(this.#held, 0), end)
    assertClosed(text, tag.name)
    if (isLarger(text, 0, text.length, this.limits.maxElementBytes)) this.#tooMuch('an element is too large')
    if (this.limits.maxChildren > 0 && ++this.#children > this.limits.maxChildren)
      throw new XmlError('policy-violation', 'too many elements')
    const top = this.#top!
    this.#top = undefined
    // Tags hold parts of the text, each of which would keep the whole of it.
    this.#open.length = 0
    this.#drop(end)
    if (this.#isBroken || this.#undeclared.size > 0) this.#leaveOrMend(top, text)
    else this.sink.onElement(this.#complete(top, text))
  }

  /** Reports a child that breaks the rules of namespaces, where it can be mended. */
  #leaveOrMend(top: SaxesTagNS, text: string): void {
    const fate = this.#isBroken ? 'dropped' : 'mended'
    this.#isBroken = false
    this.#faults = 0
    const element = fate === 'mended' ? this.#complete(top, text) : undefined
    this.#undeclared.clear()
    this.sink.onUnfit?.(fate)
    if (element !== undefined) this.sink.onElement(element)
  }

  #closeRoot(tag: SaxesTagNS, end: number): void {
    // An empty root is reported closed before any text of it is left to look at.
    if (!tag.isSelfClosing) {
      const text = this.#held.slice(0, end)
      assertClosed(text, tag.name)
      if (!this.mixedContent && !/^[ \t\r\n]*<\//.test(text))
        throw new XmlError('bad-format', 'text between elements')
    }
    this.#drop(end)
    this.sink.onClose()
  }

  /** Declares on a child what it took from the root, so that its text can stand alone. */
  #complete(top: SaxesTagNS, text: string): Element {
    const namespace = this.meantNamespace(top.local, top.uri)
    const meant = (uri: string) => (uri === top.uri ? namespace : uri)
    let declarations = ''
    if (this.#inheritsDefault && top.ns[''] === undefined) {
      declarations = ` xmlns='${escapeXml(meant(this.#rootDeclarations[''] ?? ''))}'`
    }
    for (const prefix of this.#prefixes) {
      if (top.ns[prefix] === undefined) {
        declarations += ` xmlns:${prefix}='${escapeXml(meant(this.#rootDeclarations[prefix]!))}'`
      }
    }
    for (const prefix of this.#undeclared) declarations += ` xmlns:${prefix}='${undeclared}${prefix}'`
    if (namespace !== top.uri) {
      const prefixes = Object.keys(top.ns).filter(prefix => top.ns[prefix] === top.uri)
      if (prefixes.length > 0) text = redeclare(text, new Set(prefixes), namespace)
    }
    if (declarations !== '') {
      const nameEnd = 1 + top.name.length
      text = text.slice(0, nameEnd) + declarations + text.slice(nameEnd)
    }
    if (this.lenient) text = referCarriageReturns(text)
    return { name: top.local, namespace, text }
  }

  /** White space between two children is nobody's: keepalives must not pile up here. */
  #dropSpace(): void {
    const start = this.#held.search(/[^ \t\r\n]/)
    // The parser keeps a carriage return back until it sees what follows.
    if (start !== 0) this.#cut(start > 0 ? start : this.#held.length - (this.#held.endsWith('\r') ? 1 : 0))
    if (start < 0) return
    // Three characters tell a tag from anything else; from then on this is not looked at again.
    this.#begun = this.#held.length >= 3
    if (this.#depth !== 1 || this.#top !== undefined || this.mixedContent) return
    if (!this.#held.startsWith('<') || this.#held.startsWith('<![')) assertSpace(this.#held)
  }

  #drop(length: number): void {
    this.#begun = false
    this.#cut(length)
  }

  #cut(length: number): void {
    this.#held = this.#held.slice(length)
    this.#heldFrom += length
  }
}

function rootOf({ name, uri, attributes, ns }: SaxesTagNS): Root {
  const names = Object.keys(attributes)
  const values = names.map(each => attributes[each]!.value)
  const prefixes = Object.keys(ns).filter(prefix => prefix !== '')
  const namespaces = prefixes.map(prefix => ns[prefix]!)
  return new Root(name, uri, names, values, { defaultNamespace: ns[''] ?? '', prefixes, namespaces })
}

/** Between two elements there is nothing but white space; a reference to a space is text. */
function assertSpace(text: string): void {
  if (/[^ \t\r\n]/.test(text)) throw new XmlError('bad-format', 'text between elements')
}

/**
 * saxes reports a tag as closed before it finds that the closing name is another one. White space is XML's here:
 * what JavaScript calls so as well may be part of a name.
 */
function assertClosed(text: string, name: string): void {
  if (text.endsWith('/>')) return
  let end = text.length - 1
  while (isSpace(text.charCodeAt(end - 1))) end -= 1
  if (!text.endsWith(`</${name}`, end))
    throw new XmlError('not-well-formed', 'an element is closed by another name')
}
