import { XmlError } from './xml-error.js'

const exclamationMark = 0x21
const doubleQuote = 0x22
const singleQuote = 0x27
const slash = 0x2f
const greater = 0x3e
const questionMark = 0x3f
const openingBracket = 0x5b
const closingBracket = 0x5d

/** What stands at the place that has been reached: text, a tag behind its `<`, the inside of a tag, and so on. */
type Place = 'text' | 'less' | 'start tag' | 'value' | 'end tag' | 'declaration' | 'cdata'

/**
 * Finds the end of an element in the pieces that it comes in. Of what it has passed it knows nothing but how deep inside the
 * element it is, so that neither size nor depth matters. What is no well-formed XML has its end somewhere.
 */
export class Skipper {
  #place: Place = 'text'
  #depth = 0
  /** The quote that ends the value at hand. */
  #quote = ''
  /** Whether the last character of a start tag was a slash. */
  #isEmpty = false
  /** How many brackets there were last, in CDATA; more than two are two. */
  #brackets = 0

  /** Where the element ends in this piece, -1 where it goes on in the next one. Before it there may be white space. */
  skip(piece: string): number {
    for (let at = 0; at < piece.length; at++) {
      if (this.#place === 'text') at = piece.indexOf('<', at)
      else if (this.#place === 'value') at = piece.indexOf(this.#quote, at)
      else if (this.#place === 'end tag') at = piece.indexOf('>', at)
      if (at < 0) return -1
      if (this.#pass(piece.charCodeAt(at))) return at + 1
    }
    return -1
  }

  /** Whether the element ends with this character. */
  #pass(code: number): boolean {
    switch (this.#place) {
      case 'text':
        this.#place = 'less'
        return false
      case 'less':
        this.#enter(code)
        return false
      case 'start tag':
        if (code === doubleQuote || code === singleQuote) {
          this.#quote = String.fromCharCode(code)
          this.#place = 'value'
        } else if (code === greater) {
          this.#place = 'text'
          return this.#isEmpty && this.#close()
        }
        this.#isEmpty = code === slash
        return false
      case 'value':
        this.#place = 'start tag'
        return false
      case 'end tag':
        this.#place = 'text'
        return this.#close()
      case 'declaration':
        if (code !== openingBracket) throw new XmlError('restricted-xml', 'a comment is not allowed')
        this.#place = 'cdata'
        this.#brackets = 0
        return false
      case 'cdata':
        if (code === greater && this.#brackets === 2) this.#place = 'text'
        this.#brackets = code === closingBracket ? Math.min(this.#brackets + 1, 2) : 0
        return false
    }
  }

  #enter(code: number): void {
    if (code === slash) this.#place = 'end tag'
    else if (code === exclamationMark) this.#place = 'declaration'
    else if (code === questionMark)
      throw new XmlError('restricted-xml', 'a processing instruction is not allowed')
    else {
      this.#place = 'start tag'
      this.#isEmpty = false
      this.#depth += 1
    }
  }

  #close(): boolean {
    this.#depth -= 1
    return this.#depth === 0
  }
}
