import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { replaceAttributes } from './attributes.js'
import { escapeCarriageReturns } from './carriage-returns.js'
import { replaceParts } from './comments.js'
import { type Element, isStanza, type MeantNamespace, streamsNamespace } from './element.js'
import { forbidden } from './escape.js'
import { escapeNamespace } from './escaped-namespaces.js'
import type { XmlLimits } from './limits.js'
import { assertFewDeclarations, type Declarations, Root } from './root.js'
import { withSpaces } from './white-space.js'
import { XmlError } from './xml-error.js'

export interface ReadingRules {
  readonly limits: XmlLimits
  readonly meantNamespace: MeantNamespace
  /** For servers: repairs or drops children that break namespace rules or limits, and escapes carriage returns. */
  readonly lenient: boolean
}

type Parser = SaxesParser<{ xmlns: true; forceXMLVersion: true; defaultXMLVersion: '1.0' }>

const undeclared = 'urn:undeclared-prefix:'
/** Not longer than the replaced `streamsNamespace`, because the size of the element was already checked. */
const misplaced = 'urn:misplaced-stream-element'

/** A child with more undeclared prefixes is dropped, because a declaration is added for each prefix. */
const mostUndeclared = 64

const mostFaults = 10

const tooManyFaults = new Error('too many faults')

/** Beginnings of saxes' messages (Namespaces in XML 1.0 §2-§6). */
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

class ElementReader {
  isMended = false
  #hasStreamElement = false
  #parser = this.#createParser()
  #rules!: ReadingRules
  #scope: Declarations | undefined
  readonly #open: SaxesTagNS[] = []
  #top: SaxesTagNS | undefined
  #ownPrefixes: readonly string[] = []
  /** Prefixes of the root that the child uses, `''` for the default namespace. */
  readonly #inherited = new Set<string>()
  readonly #undeclared = new Set<string>()
  #faults = 0
  #attributes = 0
  readonly #prefixed: SaxesAttributeNS[] = []

  readRoot(text: string, rules: ReadingRules): Root {
    return this.#read(undefined, rules, () => {
      this.#parser.write(withSpaces(text))
      if (this.#top === undefined) throw new XmlError('not-well-formed', 'there is no root')
      const { name, uri, attributes, ns, isSelfClosing } = this.#top
      if (!isSelfClosing) this.#parser.write(`</${name}>`)
      this.#parser.close()
      const names = Object.keys(attributes)
      const values = names.map(each => attributes[each]!.value)
      return new Root(name, uri, names, values, declarationsOf(ns))
    })
  }

  /** Adds inherited declarations. Returns undefined if the child must be dropped. Throws an `XmlError`. */
  readChild(text: string, scope: Declarations, rules: ReadingRules): Element | undefined {
    const element = this.#readAsWritten(text, scope, rules)
    if (!this.#hasStreamElement || !rules.lenient || element === undefined || !isStanza(element)) return element
    const { defaultNamespace, prefixes, namespaces } = scope
    const renamed = {
      defaultNamespace: withoutStreams(defaultNamespace),
      prefixes,
      namespaces: namespaces.map(withoutStreams),
    }
    const mended = this.#readAsWritten(withoutStreams(text), renamed, rules)
    this.isMended = true
    // `withoutStreams` misses a namespace with character references.
    return this.#hasStreamElement ? undefined : mended
  }

  #readAsWritten(text: string, scope: Declarations, rules: ReadingRules): Element | undefined {
    this.#hasStreamElement = false
    return this.#read(scope, rules, () => {
      try {
        this.#parser.write(withSpaces(withoutSections(text))).close()
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
      // After an error, the parser's state is unknown.
      this.#parser = this.#createParser()
      throw error
    } finally {
      // Frees the text, which may contain a password.
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
    // With more than six handlers, V8 would store the parser as a dictionary, which is five times as slow.
    parser.on('error', ({ message }) => {
      const isMinor =
        this.#rules.lenient && this.#scope !== undefined && namespaceFaults.some(fault => message.startsWith(fault))
      if (!isMinor) throw new XmlError('not-well-formed', 'the XML is not well-formed')
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
    if (tag.name.length > this.#rules.limits.maxNameLength) throw new XmlError('policy-violation', 'a name is too long')
    const parent = this.#open.at(-1)
    this.#open.push(tag)
    if (parent === undefined) this.#openedTop(tag)
    else {
      if (tag.uri === streamsNamespace) this.#hasStreamElement = true
      cachePrefix(parent, tag, tag.prefix, tag.uri)
      for (const { prefix, uri } of this.#prefixed) cachePrefix(parent, tag, prefix, uri)
    }
    this.#attributes = 0
    // `pop` is faster than setting `length`.
    while (this.#prefixed.length > 0) this.#prefixed.pop()
  }

  #openedTop(tag: SaxesTagNS): void {
    this.#top = tag
    if (this.#scope !== undefined) {
      assertFewDeclarations(declarationsOf(tag.ns), this.#rules.limits.maxDeclarations)
      this.#ownPrefixes = Object.keys(tag.ns).filter(prefix => tag.ns[prefix] === tag.uri)
      return
    }
    const { encoding } = this.#parser.xmlDecl
    if (encoding !== undefined && !/^utf-?8$/i.test(encoding))
      throw new XmlError('unsupported-encoding', 'only UTF-8 is read')
  }

  #complete(text: string): Element {
    const { defaultNamespace, prefixes, namespaces } = this.#scope!
    const { name, local, uri } = this.#top!
    const namespace = this.#rules.meantNamespace(local, uri)
    let declarations = ''
    const declare = (attribute: string, declared: string) => {
      declarations += ` ${attribute}='${escapeNamespace(declared === uri ? namespace : declared)}'`
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
    if (this.#rules.lenient) complete = escapeCarriageReturns(complete)
    return { name: local, namespace, text: complete }
  }
}

export const elementReader = new ElementReader()

/** Hides stream errors that users write inside stanzas, because Strophe obeys them. */
function withoutStreams(text: string): string {
  return text.replaceAll(streamsNamespace, misplaced)
}

function declarationsOf(ns: SaxesTagNS['ns']): Declarations {
  const prefixes = Object.keys(ns).filter(prefix => prefix !== '')
  return { defaultNamespace: ns[''] ?? '', prefixes, namespaces: prefixes.map(prefix => ns[prefix]!) }
}

/** Caches the prefix at the parent, because saxes otherwise searches all open elements. */
function cachePrefix(parent: SaxesTagNS, { ns }: SaxesTagNS, prefix: string, uri: string): void {
  if (parent.ns[prefix] === undefined && !(prefix in ns)) parent.ns[prefix] = uri
}

/** Empties CDATA sections, which saxes would collect character by character. */
function withoutSections(text: string): string {
  return replaceParts(text, '<![CDATA[', ']]>', section => {
    if (section.search(forbidden) >= 0) throw new XmlError('not-well-formed', 'the XML is not well-formed')
    return '<![CDATA[]]>'
  })
}

/** Gives `prefixes` of a well-formed element another namespace. */
function redeclare(text: string, prefixes: ReadonlySet<string>, namespace: string): string {
  return replaceAttributes(text, (name, written) => {
    const prefix = name === 'xmlns' ? '' : name.startsWith('xmlns:') ? name.slice(6) : undefined
    return prefix !== undefined && prefixes.has(prefix) ? ` ${name}='${escapeNamespace(namespace)}'` : written
  })
}
