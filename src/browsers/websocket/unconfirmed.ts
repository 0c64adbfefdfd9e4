import { memoryOf } from '../../session/outbox.js'
import type { Element } from '../../xmpp/xml/element.js'
import { isStanza, longestUnacknowledged, mostUnacknowledged } from './stream-management.js'

/** Stanzas sent without stream management, until a ping is answered. */
export class Unconfirmed {
  #stanzas: Element[] = []
  #size = 0
  /** Covered by the unanswered ping. */
  #asked = 0

  /** Memory of its stanzas, in bytes. */
  get bytes(): number {
    return memoryOf(this.#size, this.#stanzas.length)
  }

  get isFull(): boolean {
    return this.#stanzas.length >= mostUnacknowledged || this.#size > longestUnacknowledged
  }

  sent(elements: readonly Element[]): void {
    for (const element of elements) {
      if (!isStanza(element)) continue
      this.#stanzas.push(element)
      this.#size += element.text.length
    }
  }

  /** If true, the caller must send a ping. */
  asks(): boolean {
    if (this.#asked > 0 || this.#stanzas.length === 0) return false
    this.#asked = this.#stanzas.length
    return true
  }

  arrived(): void {
    for (const { text } of this.#stanzas.splice(0, this.#asked)) this.#size -= text.length
    this.#asked = 0
  }

  /** Removes and returns all, oldest first. */
  clear(): Element[] {
    const all = this.#stanzas
    this.#stanzas = []
    this.#size = 0
    this.#asked = 0
    return all
  }
}
