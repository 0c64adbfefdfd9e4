import { XmlError, type XmlFault } from './xml-error.js'

const byteOrderMark = '\ufeff'
const bracket = 0x5d
const greater = 0x3e
const opening = '<![CDATA['
/** In the place of an opening: text between tags, and an error wherever an opening is one, in a reference or quotes too. */
const openingAsText = `x;"'"xxxx`

/**
 * Keeps from a parser what it would gather character by character, at a cost that the sender chooses: comments,
 * instructions and document types, none of which XMPP has (RFC 6120 §11.1), and the content of CDATA sections, in the place
 * of which stands as much other text.
 */
export class Sections {
  /** What is wrong right behind the text that was let through last. */
  fault: XmlError | undefined
  /** What may be the beginning of an opening, and was not let through. */
  heldBack = ''
  /** Whether the document has only begun; and then whether it has a declaration of XML, which has not ended. */
  #isAtStart = true
  #isDeclaration = false
  #isOpen = false
  /** How many brackets the open section ends with so far: behind two of them a `>` closes it. */
  #brackets = 0

  /** Lets text through. */
  pass(piece: string): string {
    const text = this.heldBack + piece
    this.heldBack = ''
    const start = this.#isAtStart || this.#isDeclaration ? this.#endOfStart(text) : 0
    let passed = text.slice(0, start)
    for (let at = start; at < text.length; ) {
      if (this.#isOpen) {
        const end = this.#endOfSection(text, at)
        passed += 'x'.repeat(end - at)
        at = end
      } else {
        const end = nextMarkup(text, at)
        passed += text.slice(at, end)
        at = end
        if (at === text.length) break
        if (!text.startsWith(opening, at)) {
          if (opening.startsWith(text.slice(at, at + opening.length))) this.heldBack = text.slice(at)
          else this.#refuse('restricted-xml', 'a comment, an instruction or a document type is not allowed')
          break
        }
        passed += openingAsText
        at += opening.length
        this.#isOpen = true
      }
      if (this.fault !== undefined) break
    }
    return passed
  }

  /** Behind what only a document may begin with: a byte order mark, and a declaration of XML, as far as it goes. */
  #endOfStart(text: string): number {
    const mark = this.#isAtStart && text.startsWith(byteOrderMark) ? 1 : 0
    this.#isDeclaration ||= text.startsWith('<?', mark)
    this.#isAtStart = text.length === mark || (text.length === mark + 1 && text.endsWith('<'))
    if (!this.#isDeclaration) return mark
    const end = text.indexOf('>') + 1
    this.#isDeclaration = end === 0
    return this.#isDeclaration ? text.length : end
  }

  /** Behind the open section, or as far as it goes on. */
  #endOfSection(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === greater && this.#brackets >= 2) {
        this.#brackets = 0
        this.#isOpen = false
        return at + 1
      }
      this.#brackets = code === bracket ? this.#brackets + 1 : 0
      if (!isCharacter(code)) {
        this.#refuse('not-well-formed', 'the XML is not well-formed')
        return at
      }
    }
    return text.length
  }

  #refuse(fault: XmlFault, message: string): void {
    this.fault = new XmlError(fault, message)
  }
}

/** Where the next markup is that is no tag, or may be none; the end of the text where there is none. */
function nextMarkup(text: string, from: number): number {
  const markup = /<(?:[!?]|$)/g
  markup.lastIndex = from
  return markup.exec(text)?.index ?? text.length
}

/** Whether XML has this character; halves of pairs are left to who reads UTF-8 (XML 1.0 §2.2). */
function isCharacter(code: number): boolean {
  return code >= 0x20 ? code < 0xfffe : code === 0x09 || code === 0x0a || code === 0x0d
}
