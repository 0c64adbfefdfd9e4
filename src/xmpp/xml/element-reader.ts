import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { referCarriageReturns } from './carriage-returns.js'
import { replaceParts } from './comments.js'
import type { Element, MeantNamespace } from './element.js'
import { escapeXml } from './escape.js'
import type { XmlLimits } from './limits.js'
import { assertFewDeclarations, type Declarations, Root } from './root.js'
import { XmlError } from './xml-error.js'

/** How the children of a root are read. */
export interface ReadingRules {
  readonly limits: XmlLimits
  readonly meantNamespace: MeantNamespace
  /**
   * Whether a server writes the document, which passes on what users wrote. Children that break the rules of namespaces are
   * mended or dropped then, and stanzas beyond the limits are dropped, in place of ending the document; and carriage
   * returns, which no XML parser leaves in a text unless they were written as references, are written as references again.
   */
  readonly lenient: boolean
}

type Parser = SaxesParser<{ xmlns: true; forceXMLVersion: true; defaultXMLVersion: '1.0' }>

/** What is made up for a prefix that nothing declares begins like this, and the prefix follows. */
const undeclared = 'urn:undeclared-prefix:'

/** A child with more undeclared prefixes is dropped: each of them makes its start tag longer. */
const mostUndeclared = 64

/** A child that breaks more rules of namespaces is read no further. */
const mostFaults = 10

/** Ends the reading of such a child. */
const tooManyFaults = new Error('too many faults')

/** How saxes words what breaks, or may break, the rules of namespaces alone (Namespaces in XML 1.0 §2-§6). */
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

/** Reads whole elements that may be anything: saxes checks them, no tree is built, and the text is passed on. */
class ElementReader {
  /** Whether the child that was read last uses prefixes that nothing declares. */
  isMended = false
  #parser = this.#createParser()
  #rules!: ReadingRules
  /** What the root declares whose child is read; undefined while a root is read. */
  #scope: Declarations | undefined
  /** The open elements, by depth. */
  readonly #open: SaxesTagNS[] = []
  /** The root or child itself. */
  #top: SaxesTagNS | undefined
  /** The prefixes with which the child names its own namespace. */
  #ownPrefixes: readonly string[] = []
  /** Prefixes that the child uses and the root declares; the empty one is the default namespace. */
  readonly #inherited = new Set<string>()
  /** Prefixes that the child uses and that nothing declares. */
  readonly #undeclared = new Set<string>()
  /** How many rules of namespaces it breaks. */
  #faults = 0
  /** How many attributes the tag has that is being read, and those of them that have a prefix. */
  #attributes = 0
  readonly #prefixed: SaxesAttributeNS[] = []

  /** Reads the start tag of a root, with what stands in front of it. Throws an `XmlError`. */
  readRoot(text: string, rules: ReadingRules): Root {
    return this.#read(undefined, rules, () => {
      this.#parser.write(text)
      if (this.#top === undefined) throw new XmlError('not-well-formed', 'there is no root')
      const { name, uri, attributes, ns, isSelfClosing } = this.#top
      if (!isSelfClosing) this.#parser.write(`</${name}>`)
      this.#parser.close()
      const names = Object.keys(attributes)
      const values = names.map(each => attributes[each]!.value)
      return new Root(name, uri, names, values, declarationsOf(ns))
    })
  }

  /** Reads a child, and makes it independent of its root; undefined where it is to be dropped. Throws an `XmlError`. */
  readChild(text: string, scope: Declarations, rules: ReadingRules): Element | undefined {
    return this.#read(scope, rules, () => {
      try {
        this.#parser.write(withoutSections(text)).close()
      } catch (error) {
        if (error !== tooManyFaults) throw error
        this.#parser = this.#createParser()
      }
      this.isMended = this.#undeclared.size > 0
      return this.#faults === 0 && this.#undeclared.size <= mostUndeclared ? this.#complete(text) : undefined
    })
  }

  #read<T>(scope: Declarations | undefined, rules: ReadingRules, read: () => T): T {
    this.#scope = scope
    this.#rules = rules
    try {
      return read()
    } catch (error) {
      // Where in the text it stands is unknown.
      this.#parser = this.#createParser()
      throw error
    } finally {
      // A password may be in what was read, and any part of a text keeps the whole of it.
      this.#scope = undefined
      this.#top = undefined
      this.#open.length = 0
      this.#inherited.clear()
      this.#undeclared.clear()
      this.#faults = 0
      this.#attributes = 0
      this.#prefixed.length = 0
    }
  }

  #createParser(): Parser {
    const parser = new SaxesParser({
      xmlns: true,
      position: false,
      forceXMLVersion: true,
      defaultXMLVersion: '1.0',
      resolvePrefix: (prefix: string) => this.#resolve(prefix),
    })
    // No more handlers: with a seventh V8 makes a table of the parser, and everything takes five times as long.
    parser.on('error', ({ message }) => {
      const isMinor =
        this.#rules.lenient &&
        this.#scope !== undefined &&
        namespaceFaults.some(fault => message.startsWith(fault))
      if (!isMinor) throw new XmlError('not-well-formed', 'the XML is not well-formed')
      // Each of them takes as long as a few hundred characters.
      if (++this.#faults === mostFaults) throw tooManyFaults
    })
    parser.on('processinginstruction', () => {
      throw new XmlError('restricted-xml', 'an instruction is not allowed')
    })
    parser.on('attribute', attribute => this.#takeAttribute(attribute as SaxesAttributeNS))
    parser.on('opentag', tag => this.#opened(tag))
    parser.on('closetag', () => this.#open.pop())
    return parser
  }

  /** The namespace of a prefix that nothing declares inside the child. */
  #resolve(prefix: string): string | undefined {
    const scope = this.#scope
    if (scope === undefined) return undefined
    const index = scope.prefixes.indexOf(prefix)
    if (prefix === '' || index >= 0) {
      this.#inherited.add(prefix)
      return prefix === '' ? scope.defaultNamespace : scope.namespaces[index]
    }
    if (!this.#rules.lenient) return undefined
    this.#undeclared.add(prefix)
    return undeclared + prefix
  }

  #takeAttribute(attribute: SaxesAttributeNS): void {
    const { maxNameLength, maxAttributes } = this.#rules.limits
    if (++this.#attributes > maxAttributes) throw new XmlError('policy-violation', 'too many attributes')
    if (attribute.name.length > maxNameLength) throw new XmlError('policy-violation', 'a name is too long')
    if (attribute.prefix !== '' && attribute.prefix !== 'xmlns') this.#prefixed.push(attribute)
  }

  #opened(tag: SaxesTagNS): void {
    if (tag.name.length > this.#rules.limits.maxNameLength)
      throw new XmlError('policy-violation', 'a name is too long')
    const around = this.#open.at(-1)
    this.#open.push(tag)
    if (around === undefined) this.#openedTop(tag)
    else {
      learn(around, tag, tag.prefix, tag.uri)
      for (const { prefix, uri } of this.#prefixed) learn(around, tag, prefix, uri)
    }
    this.#attributes = 0
    // To set its length takes longer.
    while (this.#prefixed.length > 0) this.#prefixed.pop()
  }

  #openedTop(tag: SaxesTagNS): void {
    this.#top = tag
    if (this.#scope !== undefined) {
      // This service reads the children of stanzas as well.
      assertFewDeclarations(declarationsOf(tag.ns), this.#rules.limits.maxDeclarations)
      this.#ownPrefixes = Object.keys(tag.ns).filter(prefix => tag.ns[prefix] === tag.uri)
      return
    }
    const { encoding } = this.#parser.xmlDecl
    if (encoding !== undefined && !/^utf-?8$/i.test(encoding))
      throw new XmlError('unsupported-encoding', 'only UTF-8 is read')
  }

  /** Declares on a child what it took from the root, so that its text can stand alone. */
  #complete(text: string): Element {
    const { defaultNamespace, prefixes, namespaces } = this.#scope!
    const { name, local, uri } = this.#top!
    const namespace = this.#rules.meantNamespace(local, uri)
    let declarations = ''
    const declare = (attribute: string, declared: string) => {
      declarations += ` ${attribute}='${escapeXml(declared === uri ? namespace : declared)}'`
    }
    if (this.#inherited.delete('')) declare('xmlns', defaultNamespace)
    for (const prefix of this.#inherited) declare(`xmlns:${prefix}`, namespaces[prefixes.indexOf(prefix)]!)
    for (const prefix of this.#undeclared) declare(`xmlns:${prefix}`, undeclared + prefix)
    let complete =
      namespace === uri || this.#ownPrefixes.length === 0
        ? text
        : redeclare(text, new Set(this.#ownPrefixes), namespace)
    if (declarations !== '')
      complete = complete.slice(0, 1 + name.length) + declarations + complete.slice(1 + name.length)
    if (this.#rules.lenient) complete = referCarriageReturns(complete)
    return { name: local, namespace, text: complete }
  }
}

/** One for all, since making a parser costs more than most elements. */
export const elementReader = new ElementReader()

function declarationsOf(ns: SaxesTagNS['ns']): Declarations {
  const prefixes = Object.keys(ns).filter(prefix => prefix !== '')
  return { defaultNamespace: ns[''] ?? '', prefixes, namespaces: prefixes.map(prefix => ns[prefix]!) }
}

/**
 * The element around a tag learns what a prefix stands for that is used inside it: saxes looks for each prefix through all
 * open elements, and this way through no more than one for each that is used again.
 */
function learn(around: SaxesTagNS, { ns }: SaxesTagNS, prefix: string, uri: string): void {
  if (around.ns[prefix] === undefined && !(prefix in ns)) around.ns[prefix] = uri
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for (XML 1.0 §2.2)
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

/** The text with all sections of CDATA empty: saxes would gather what is in them character by character. */
function withoutSections(text: string): string {
  return replaceParts(text, '<![CDATA[', ']]>', section => {
    if (forbidden.test(section)) throw new XmlError('not-well-formed', 'the XML is not well-formed')
    return '<![CDATA[]]>'
  })
}

const attribute = /[ \t\r\n]+([^ \t\r\n=/>]+)[ \t\r\n]*=[ \t\r\n]*(?:"[^"]*"|'[^']*')/y

/** Gives the prefixes in a set, of which the empty one is the default namespace, another one in the start tag that a well-formed element begins with. */
export function redeclare(text: string, prefixes: ReadonlySet<string>, namespace: string): string {
  let at = /^<[^ \t\r\n/>]+/.exec(text)![0].length
  let changed = text.slice(0, at)
  for (;;) {
    attribute.lastIndex = at
    const match = attribute.exec(text)
    if (match === null) return changed + text.slice(at)
    const [whole, name = ''] = match
    const prefix = name === 'xmlns' ? '' : name.startsWith('xmlns:') ? name.slice(6) : undefined
    changed += prefix !== undefined && prefixes.has(prefix) ? ` ${name}='${escapeXml(namespace)}'` : whole
    at += whole.length
  }
}
