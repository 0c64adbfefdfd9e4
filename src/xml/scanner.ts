import { SaxesParser, type SaxesTagNS } from 'saxes'
import { escapeXml } from './escape.js'
import { Root } from './root.js'
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
}

export const defaultLimits: XmlLimits = {
  maxElementBytes: 1024 * 1024,
  maxDepth: 32,
  maxAttributes: 64,
  maxNameLength: 256,
  maxChildren: 0,
}

/** A child of the root, as the text it arrived in, made independent of the root's namespace declarations. */
export interface Element {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  readonly text: string
}

/** Receives a document as it is read. */
export interface Sink {
  onOpen(root: Root): void
  onElement(element: Element): void
  onClose(): void
}

/** The namespace that a child of the root is meant to be in, by its local name and the one it was written in. */
export type MeantNamespace = (name: string, namespace: string) => string

/** What was written was meant. */
export const asWritten: MeantNamespace = (_name, namespace) => namespace

const none: Readonly<Record<string, string>> = {}

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
  #parser = createParser()
  #depth = 0
  #children = 0
  #rootDeclarations: Readonly<Record<string, string>> = none
  #top: SaxesTagNS | undefined
  #inheritsDefault = false
  #prefixes: string[] = []
  /** Text from the end of the last whole child on, and where in the document it begins. */
  #held = ''
  #heldFrom = 0
  /** Whether what is held begins with something else than white space. */
  #begun = false

  constructor(sink: Sink, limits: XmlLimits) {
    this.sink = sink
    this.limits = limits
    const parser = this.#parser
    // No more handlers than these: with a seventh V8 makes the parser a table to look everything up in, which
    // takes five times as long. Text and attributes are judged by what they are part of.
    parser.on('error', () => {
      throw new XmlError('not-well-formed', 'the XML is not well-formed')
    })
    parser.on('doctype', () => restricted('a document type declaration'))
    parser.on('comment', () => restricted('a comment'))
    parser.on('processinginstruction', () => restricted('a processing instruction'))
    parser.on('opentag', tag => this.#open(tag))
    parser.on('closetag', tag => this.#close(tag))
  }

  /** The root, while it is open. */
  get root(): Root | undefined {
    return this.#root
  }
  #root: Root | undefined

  /** True between two children: nothing of this document's own is held. */
  get atRest(): boolean {
    return this.#depth === 1 && this.#held === ''
  }

  /** Reads on; calls the sink for everything that became whole. Throws an `XmlError`. */
  write(text: string): void {
    this.#held = this.#held === '' ? text : this.#held + text
    this.#parser.write(text)
    if (!this.#begun) this.#dropSpace()
    if (this.#depth === 0) this.#assertEncoding()
    // Characters are at most as many as bytes, so this only ever lets through what `#close` will weigh.
    if (this.#held.length > this.limits.maxElementBytes) tooMuch('an element is too large')
  }

  /** Ends the document: its root must have been closed. The scanner is ready for another one. */
  end(): void {
    this.#parser.close()
    this.#depth = 0
    this.#children = 0
    this.#held = ''
    this.#heldFrom = 0
    this.#begun = false
    // Parts of the document's text, each of which would keep the whole of it.
    this.#rootDeclarations = none
    this.#root = undefined
  }

  #open(tag: SaxesTagNS): void {
    this.#assertWithinLimits(tag)
    const depth = this.#depth++
    if (depth === 0) {
      this.#assertEncoding()
      this.#rootDeclarations = tag.ns
      this.#root = rootOf(tag)
      this.#drop(this.#parser.position - this.#heldFrom)
      this.sink.onOpen(this.#root)
      return
    }
    if (depth > this.limits.maxDepth) tooMuch('elements are nested too deeply')
    if (depth === 1) {
      // No tag has another `<` in it: this one is where the child starts.
      const start = this.#held.lastIndexOf('<', this.#parser.position - this.#heldFrom - 1)
      if (this.mixedContent) this.#drop(start)
      else if (start > 0) assertSpace(this.#held.slice(0, start))
      this.#top = tag
      this.#inheritsDefault = false
      this.#prefixes.length = 0
    }
    if (tag.prefix === '') this.#inheritsDefault ||= tag.uri === (this.#rootDeclarations[''] ?? '')
    else this.#note(tag.prefix)
    for (const name in tag.attributes) {
      const prefix = tag.attributes[name]!.prefix
      if (prefix !== '') this.#note(prefix)
    }
  }

  #assertEncoding(): void {
    const { encoding } = this.#parser.xmlDecl
    if (encoding === undefined || /^utf-?8$/i.test(encoding)) return
    throw new XmlError('unsupported-encoding', 'only UTF-8 is read')
  }

  #assertWithinLimits({ name, attributes }: SaxesTagNS): void {
    const { maxNameLength, maxAttributes } = this.limits
    if (name.length > maxNameLength) tooMuch('a name is too long')
    let count = 0
    for (const attribute in attributes) {
      if (++count > maxAttributes) tooMuch('too many attributes')
      if (attribute.length > maxNameLength) tooMuch('a name is too long')
    }
  }

  #note(prefix: string): void {
    if (prefix === 'xml' || prefix === 'xmlns') return
    if (this.#rootDeclarations[prefix] !== undefined && !this.#prefixes.includes(prefix))
      this.#prefixes.push(prefix)
  }

  #close(tag: SaxesTagNS): void {
    if (--this.#depth > 1) return
    const end = this.#parser.position - this.#heldFrom
    if (this.#depth === 1) this.#closeChild(tag, end)
    else this.#closeRoot(tag, end)
  }

  #closeChild(tag: SaxesTagNS, end: number): void {
    const text = this.#held.slice(0, end).replace(/^[ \t\r\n]+/, '')
    assertClosed(text, tag.name)
    if (
      text.length * 3 > this.limits.maxElementBytes &&
      Buffer.byteLength(text) > this.limits.maxElementBytes
    ) {
      tooMuch('an element is too large')
    }
    if (this.limits.maxChildren > 0 && ++this.#children > this.limits.maxChildren)
      tooMuch('too many elements')
    const top = this.#top!
    this.#top = undefined
    this.#drop(end)
    this.sink.onElement(this.#complete(top, text))
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
    if (namespace !== top.uri) {
      for (const prefix in top.ns) {
        if (top.ns[prefix] === top.uri) text = redeclare(text, declaring(prefix), namespace)
      }
    }
    if (declarations !== '') {
      const nameEnd = 1 + top.name.length
      text = text.slice(0, nameEnd) + declarations + text.slice(nameEnd)
    }
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

function createParser(): SaxesParser<{ xmlns: true; forceXMLVersion: true; defaultXMLVersion: '1.0' }> {
  return new SaxesParser({ xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: '1.0' })
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
  if (
    text.endsWith('/>') ||
    text
      .slice(0, -1)
      .replace(/[ \t\r\n]+$/, '')
      .endsWith(`</${name}`)
  )
    return
  throw new XmlError('not-well-formed', 'an element is closed by another name')
}

/** Replaces a namespace declaration in the start tag at the beginning of a well-formed element. */
function redeclare(text: string, name: string, namespace: string): string {
  const attribute = /[ \t\r\n]+([^ \t\r\n=]+)[ \t\r\n]*=[ \t\r\n]*(?:"[^"]*"|'[^']*')/y
  attribute.lastIndex = text.search(/[ \t\r\n/>]/)
  for (let match = attribute.exec(text); match !== null; match = attribute.exec(text)) {
    if (match[1] === name) {
      return `${text.slice(0, match.index)} ${name}='${escapeXml(namespace)}'${text.slice(attribute.lastIndex)}`
    }
  }
  return text
}

function declaring(prefix: string): string {
  return prefix === '' ? 'xmlns' : `xmlns:${prefix}`
}

function restricted(what: string): never {
  throw new XmlError('restricted-xml', `${what} is not allowed`)
}

function tooMuch(what: string): never {
  throw new XmlError('policy-violation', what)
}
