import { escapeCarriageReturns } from './carriage-returns.js'
import { codeAt, endOfCharacters, endOfEndTag, notWellFormed, withoutBrackets } from './characters.js'
import { copyOf, keepsTooMuch } from './copy-of.js'
import { type Element, isStanza, isStanzaName, type MeantNamespace } from './element.js'
import { escapeNamespace, forbidden } from './escape.js'
import type { XmlLimits } from './limits.js'
import { type Declarations, excessOf, noDeclarations } from './root.js'
import { declarationsOf, namespaceOf, Scope } from './scope.js'
import { sectionEnd, sectionStart } from './sections.js'
import { isSame, Tag } from './tag.js'
import { XmlError } from './xml-error.js'

export interface ReadingRules {
  readonly limits: XmlLimits
  readonly meantNamespace: MeantNamespace
  /** For servers: drops children that break rules of namespaces or limits, and escapes carriage returns. */
  readonly lenient: boolean
}

/** Beyond this depth, and for too long names, end tags of dropped elements are not compared. */
const deepest = 256

const exclamationMark = 0x21
const slash = 0x2f
const less = 0x3c
const questionMark = 0x3f

const stanzas = 'jabber:client'

/** The tag that is read now, and offsets of names of open elements in the current text: shared by all readers. */
const tag = new Tag()
const names = new Int32Array(2 * deepest)

/** Reads a child of the root in one pass, in any pieces. */
export class ElementReader {
  isOver = false
  isDropped = false
  /** Local name. Empty until the start tag is read. */
  name = ''
  tagLength = 0
  #rules!: ReadingRules
  #root = noDeclarations
  readonly #scope = new Scope()
  #namespace = ''
  #meant = ''
  /** Declarations are added there. */
  #nameEnd = 0
  /** Values of the child's own declarations that get the meant namespace, from last to first. */
  readonly #renamed: (readonly [start: number, end: number])[] = []
  #depth = -1
  /** Names of the outermost open elements, which begin in earlier texts. */
  readonly #earlier: string[] = []
  #isInSection = false
  /** The names are copies. */
  #isKept = false

  begin(rules: ReadingRules, root: Declarations): void {
    this.#rules = rules
    this.#root = root
    this.#scope.begin(root)
    this.isOver = false
    this.isDropped = false
    this.name = ''
    this.#namespace = ''
    this.#meant = ''
    this.tagLength = 0
    this.#depth = -1
    this.#isKept = false
  }

  /** Returns the offset of what is unread. `isOver`: the element ended there. Throws an `XmlError`. */
  read(text: string, from: number): number {
    const { length } = text
    let at = from
    while (!this.isOver) {
      if (this.#isInSection) at = this.#readSection(text, at)
      if (this.#isInSection) return at
      at = endOfCharacters(text, at, less, length)
      if (codeAt(text, at, length) !== less) return at
      const end = this.#readMarkup(text, at, length)
      if (end < 0) return at
      at = end
    }
    return at
  }

  /** Elements that are no stanzas come from the server itself, not from users: they may not exceed limits. */
  refuse(faultOf: () => XmlError, name = this.name): void {
    if (this.isDropped) return
    const fault = faultOf()
    if (!this.#rules.lenient || (fault.fault === 'policy-violation' && !isStanzaName(name))) throw fault
    this.isDropped = true
  }

  /** Before the next piece of text. */
  keepNames(text: string): void {
    const open = Math.min(this.#depth + 1, deepest)
    for (let depth = this.#earlier.length; depth < open; depth++)
      this.#earlier.push(copyOf(text.slice(names[2 * depth], names[2 * depth + 1])))
    if (this.#isKept || this.name === '') return
    this.#isKept = true
    this.name = copyOf(this.name)
    this.#namespace = copyOf(this.#namespace)
    this.#meant = this.#meant === stanzas ? stanzas : copyOf(this.#meant)
  }

  /** The element, with the declarations that it inherits. Undefined if it must be dropped. */
  complete(text: string, start: number, end: number): Element | undefined {
    const { name } = this
    const namespace = this.#meant
    if (this.isDropped) return undefined
    if (this.#scope.hasStreamElement && this.#rules.lenient && isStanza({ name, namespace })) return undefined
    let written = text.slice(start, end)
    for (const [from, to] of this.#renamed)
      written = written.slice(0, from) + escapeNamespace(namespace) + written.slice(to)
    if (this.#rules.lenient) written = escapeCarriageReturns(written)
    const missing = this.#missingDeclarations()
    const whole = missing === '' ? written : written.slice(0, this.#nameEnd) + missing + written.slice(this.#nameEnd)
    if (!keepsTooMuch(whole.length, text.length)) return { name, namespace, text: whole }
    return { name: copyOf(name), namespace: namespace === stanzas ? stanzas : copyOf(namespace), text: copyOf(whole) }
  }

  /** -1 if the markup is unfinished. */
  #readMarkup(text: string, at: number, length: number): number {
    const next = codeAt(text, at + 1, length)
    if (next === slash) return this.#close(text, at, length)
    if (next === exclamationMark) {
      this.#isInSection = text.startsWith(sectionStart, at)
      if (this.#isInSection) return at + sectionStart.length
      if (sectionStart.startsWith(text.slice(at, at + sectionStart.length))) return -1
    }
    if (next === exclamationMark || next === questionMark)
      throw new XmlError('restricted-xml', 'a comment, DTD or instruction is not allowed')
    if (!tag.read(text, at, this.#rules.limits)) return -1
    this.#open(text, at)
    return tag.end
  }

  #readSection(text: string, from: number): number {
    const end = text.indexOf(sectionEnd, from)
    const upTo = end < 0 ? withoutBrackets(text, from) : end
    if (text.slice(from, upTo).search(forbidden) >= 0) throw notWellFormed()
    this.#isInSection = end < 0
    return end < 0 ? upTo : end + sectionEnd.length
  }

  #open(text: string, start: number): void {
    this.#depth += 1
    const depth = this.#depth
    if (depth === 0) this.#begin(text, start)
    if (tag.fault !== undefined) this.refuse(tag.fault)
    if (depth >= this.#rules.limits.maxDepth || depth >= deepest) this.refuse(tooDeep)
    if (!this.isDropped && !this.#scope.open(text, tag, depth)) this.refuse(notWellFormed)
    if (depth === 0 && !this.isDropped) this.#takeNamespace(text, start)
    if (tag.isEmpty) this.#leave()
    else if (depth < deepest) {
      const isLong = tag.nameEnd - tag.name > this.#rules.limits.maxNameLength
      names[2 * depth] = tag.name
      names[2 * depth + 1] = isLong ? tag.name : tag.nameEnd
    }
  }

  #begin(text: string, start: number): void {
    const { name, colon, nameEnd, end } = tag
    this.name = text.slice(colon === 0 ? name : colon + 1, nameEnd)
    this.#nameEnd = nameEnd - start
    this.tagLength = end - start
  }

  #takeNamespace(text: string, start: number): void {
    const { maxDeclarations } = this.#rules.limits
    if (tag.prefixed > 0 || (tag.ownDefault >= 0 && tag.end - start > maxDeclarations)) {
      const excess = excessOf(declarationsOf(text, tag), maxDeclarations, false)
      if (excess !== undefined) this.refuse(() => excess)
    }
    this.#namespace = namespaceOf(text, tag, this.#root)
    this.#meant = this.#rules.meantNamespace(this.name, this.#namespace)
    if (this.#renamed.length > 0) this.#renamed.length = 0
    if (this.#meant === this.#namespace) return
    for (let index = tag.count - 1; index >= 0; index--) {
      const declares = /^xmlns(?:$|:)/.test(tag.attributeName(text, index))
      if (declares && tag.attributeValue(text, index) === this.#namespace)
        this.#renamed.push([tag.valueStart(index) - start, tag.valueEnd(index) - start])
    }
  }

  /** -1 if the end tag is unfinished. */
  #close(text: string, at: number, textLength: number): number {
    const earlier = this.#earlier[this.#depth]
    const name = names[2 * this.#depth]!
    const length = earlier === undefined ? names[2 * this.#depth + 1]! - name : earlier.length
    let end = at + 2 + length
    if (this.#depth >= deepest || length === 0) end = text.indexOf('>', at)
    else if (end >= textLength) {
      const whole = earlier ?? text.slice(name, name + length)
      if (!whole.startsWith(text.slice(at + 2))) throw notWellFormed()
    } else {
      const isNamed =
        earlier === undefined ? isSame(text, name, name + length, at + 2, end) : text.startsWith(earlier, at + 2)
      if (!isNamed) throw notWellFormed()
    }
    end = end < 0 ? end : endOfEndTag(text, end, textLength)
    if (end < 0) return end
    if (earlier !== undefined) this.#earlier.pop()
    this.#leave()
    return end
  }

  #leave(): void {
    if (!this.isDropped) this.#scope.close(this.#depth)
    this.#depth -= 1
    this.isOver = this.#depth < 0
  }

  #missingDeclarations(): string {
    const { usesDefault, usedPrefixes } = this.#scope
    const { defaultNamespace, prefixes, namespaces } = this.#root
    let missing = usesDefault ? ` xmlns='${this.#written(defaultNamespace)}'` : ''
    for (const index of usedPrefixes) missing += ` xmlns:${prefixes[index]}='${this.#written(namespaces[index]!)}'`
    return missing
  }

  #written(namespace: string): string {
    return escapeNamespace(namespace === this.#namespace ? this.#meant : namespace)
  }
}

const tooDeep = () => new XmlError('policy-violation', 'elements are nested too deeply')
