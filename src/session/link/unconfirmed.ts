import { type Element, isStanza } from '../../xmpp/xml/element.js'
import { memoryOf } from '../outbox.js'

const mostStanzas = 1000
/** Characters of all stanzas together. */
const longest = 1024 * 1024

/** Stanzas whose receipt a page or a server has not confirmed. */
export class Unconfirmed {
  readonly #stanzas: Element[] = []
  #size = 0
  /** Number of stanzas that the unanswered ping or `<r/>` covers. */
  #asked = 0

  get stanzas(): readonly Element[] {
    return this.#stanzas
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return memoryOf(this.#size, this.#stanzas.length)
  }

  get isFull(): boolean {
    return this.#stanzas.length >= mostStanzas || this.#size > longest
  }

  sent(elements: readonly Element[]): number {
    const before = this.#stanzas.length
    for (const element of elements) {
      if (!isStanza(element)) continue
      this.#stanzas.push(element)
      this.#size += element.text.length
    }
    return this.#stanzas.length - before
  }

  get isUnasked(): boolean {
    return this.#asked === 0 && this.#stanzas.length > 0
  }

  /** If the result is true, the caller must send a ping or `<r/>`. */
  asks(): boolean {
    if (!this.isUnasked) return false
    this.#asked = this.#stanzas.length
    return true
  }

  /** Returns the stanzas that are now confirmed. */
  arrived(count = this.#asked): Element[] {
    const arrived = this.#stanzas.splice(0, count)
    for (const { text } of arrived) this.#size -= text.length
    this.#asked = 0
    return arrived
  }

  clear(): Element[] {
    return this.arrived(this.#stanzas.length)
  }
}
