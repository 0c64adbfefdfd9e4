import { isSpace } from './usual-text.js'
import { XmlError } from './xml-error.js'

const exclamationMark = 0x21
const doubleQuote = 0x22
const singleQuote = 0x27
const slash = 0x2f
const colon = 0x3a
const less = 0x3c
const greater = 0x3e
const questionMark = 0x3f
/** Names begin with a colon, or a character above this code. */
const lastSign = 0x40
const openingBracket = 0x5b
const closingBracket = 0x5d

const inTags = new Uint8Array(greater + 1)
for (const code of [doubleQuote, singleQuote, slash, less, greater]) inTags[code] = 1

type State = 'text' | 'less' | 'name' | 'start tag' | 'value' | 'end tag' | 'instruction' | 'declaration' | 'cdata'

type Wanted = 'declaration or root' | 'root' | 'child'

const deepestNames = 256

/**
 * Finds the end of an element, or of the root's start tag. Refuses comments, DTDs and instructions (RFC 6120 §11.1).
 * Also refuses wrong end tags, because after a wrong tag, the element might never end.
 */
export class EndFinder {
  /** The element itself has depth 1. */
  deepest = 0
  readonly #wanted: Wanted
  #state: State = 'text'
  #depth = 0
  #name = 0
  readonly #names: number[] = []
  #quote = ''
  #isOver = false
  #isEmpty = false
  #brackets = 0

  constructor(wanted: Wanted = 'child') {
    this.#wanted = wanted
  }

  find(piece: string, from = 0): number {
    for (let at = from; at < piece.length; at++) {
      if (this.#state === 'text') {
        if (piece.charCodeAt(at) !== less) at = piece.indexOf('<', at)
        const end = at < 0 || this.#wanted !== 'child' ? -1 : this.#endOfSimpleTag(piece, at)
        if (end > 0) {
          if (this.#isOver) return end
          at = end - 1
          continue
        }
      } else if (this.#state === 'value') at = piece.indexOf(this.#quote, at)
      else if (this.#state === 'instruction') at = piece.indexOf('>', at)
      else if (this.#state === 'start tag') at = this.#endOfPlain(piece, at)
      else if (this.#state === 'name' || this.#state === 'end tag') at = this.#endOfName(piece, at)
      if (at < 0) return -1
      if (this.#pass(piece.charCodeAt(at))) return at + 1
    }
    return -1
  }

  #endOfSimpleTag(piece: string, from: number): number {
    const isEnd = piece.charCodeAt(from + 1) === slash
    const start = isEnd ? from + 2 : from + 1
    let at = start
    let code = piece.charCodeAt(at)
    let name = 0
    while (code > lastSign || code === colon) {
      name = (31 * name + code) | 0
      code = piece.charCodeAt(++at)
    }
    const isEmpty = code === slash && !isEnd
    if (isEmpty) code = piece.charCodeAt(++at)
    if (code !== greater || at === start) return -1
    if (isEnd) this.#isOver = this.#close(name)
    else {
      const depth = this.#depth + 1
      if (depth > this.deepest) this.deepest = depth
      this.#isOver = isEmpty && depth === 1
      if (!isEmpty) {
        this.#depth = depth
        if (depth <= deepestNames) this.#names.push(name)
      }
    }
    return at + 1
  }

  /** Offset of the next character of `inTags`, or -1. Skips complete attribute values. */
  #endOfPlain(piece: string, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const code = piece.charCodeAt(at)
      if (code <= greater && inTags[code] === 1) {
        const quote = code === doubleQuote ? '"' : code === singleQuote ? "'" : ''
        const end = quote === '' ? -1 : piece.indexOf(quote, at + 1)
        if (end < 0) return at
        at = end
      }
      this.#isEmpty = false
    }
    return -1
  }

  /** Offset after the current name, or -1. For an end tag: the offset of its `>`. */
  #endOfName(piece: string, from: number): number {
    const isStart = this.#state === 'name'
    let name = this.#name
    let at = from
    for (; at < piece.length; at++) {
      const code = piece.charCodeAt(at)
      if (code > greater) name = (31 * name + code) | 0
      else if (code === less) throw notWellFormed()
      else if (code === greater || (isStart && (code === slash || isSpace(code)))) break
      else if (!isSpace(code)) name = (31 * name + code) | 0
    }
    this.#name = name
    return at < piece.length ? at : -1
  }

  #pass(code: number): boolean {
    switch (this.#state) {
      case 'text':
        this.#state = 'less'
        return false
      case 'less':
        this.#enter(code)
        return false
      case 'name':
        if (this.#depth <= deepestNames) this.#names.push(this.#name)
        this.#state = 'start tag'
        return this.#pass(code)
      case 'start tag':
        if (code === doubleQuote || code === singleQuote) {
          this.#quote = String.fromCharCode(code)
          this.#state = 'value'
        } else if (code === greater) {
          this.#state = 'text'
          return this.#wanted !== 'child' || (this.#isEmpty && this.#close(this.#names[this.#names.length - 1]))
        }
        if (code === less) throw notWellFormed()
        this.#isEmpty = code === slash
        return false
      case 'value':
        this.#state = 'start tag'
        return false
      case 'end tag':
        this.#state = 'text'
        return this.#close(this.#name)
      case 'instruction':
        return true
      case 'declaration':
        if (code !== openingBracket) throw new XmlError('restricted-xml', 'a comment or DTD is not allowed')
        this.#state = 'cdata'
        this.#brackets = 0
        return false
      case 'cdata': {
        const isEnd = code === greater && this.#brackets === 2
        this.#brackets = code === closingBracket ? Math.min(this.#brackets + 1, 2) : 0
        if (isEnd) this.#state = 'text'
        return isEnd && this.#depth === 0
      }
    }
  }

  #enter(code: number): void {
    this.#isEmpty = false
    this.#name = 0
    if (code === slash) this.#state = 'end tag'
    else if (code === exclamationMark) this.#state = 'declaration'
    else if (code === questionMark) {
      if (this.#wanted !== 'declaration or root') throw new XmlError('restricted-xml', 'an instruction is not allowed')
      this.#state = 'instruction'
    } else if (code <= lastSign && code !== colon) throw notWellFormed()
    else {
      this.#state = 'name'
      this.#name = code
      this.#depth += 1
      if (this.#depth > this.deepest) this.deepest = this.#depth
    }
  }

  #close(name: number | undefined): boolean {
    if (this.#depth > 0 && this.#depth <= deepestNames && this.#names.pop() !== name) throw notWellFormed()
    this.#depth -= 1
    return this.#depth <= 0
  }
}

const notWellFormed = () => new XmlError('not-well-formed', 'the XML is not well-formed')
