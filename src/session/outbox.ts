import type { Element } from '../xml/element.js'

/** How much may wait for a client before the server is read no further, and how many elements, unless a test has its own. */
const mostWaiting = 1024 * 1024
const mostElements = 1000
/** How much is taken out at once. */
const mostTaken = 1024 * 1024

const nothing: readonly Element[] = []

/** What the server sent and the client has not been given yet, in order. Sizes are in UTF-16 units. */
export class Outbox {
  readonly #mostElements: number
  #elements: Element[] = []
  #size = 0

  constructor(most = mostElements) {
    this.#mostElements = most
  }

  get isEmpty(): boolean {
    return this.#elements.length === 0
  }

  /** Whether the server should be read no further until some of it is fetched. */
  get isFull(): boolean {
    return this.#size > mostWaiting || this.#elements.length > this.#mostElements
  }

  add(element: Element): void {
    this.#elements.push(element)
    this.#size += element.text.length
  }

  /** Puts elements before all others. */
  putBack(elements: readonly Element[]): void {
    if (elements.length === 0) return
    this.#elements = [...elements, ...this.#elements]
    for (const { text } of elements) this.#size += text.length
  }

  /** Takes out so many of the oldest, which have arrived already. */
  skip(count: number): void {
    for (const { text } of this.#elements.splice(0, count)) this.#size -= text.length
  }

  /** Takes out everything. */
  clear(): Element[] {
    const all = this.#elements
    // Where many sessions end at once, V8 would take all arrays that are made here for ones that last, and make them slowly.
    if (all.length > 0) this.#elements = []
    this.#size = 0
    return all
  }

  /** Takes out whole elements, oldest first: at least one if there is one, and as many as fit into a reply, or so much. */
  take(most = mostTaken): readonly Element[] {
    if (this.#elements.length === 0) return nothing
    if (this.#size <= most) return this.clear()
    const elements = this.#elements
    let size = elements[0]!.text.length
    let taken = 1
    for (; taken < elements.length; taken++) {
      const { length } = elements[taken]!.text
      if (size + length > most) break
      size += length
    }
    this.#elements = elements.slice(taken)
    this.#size -= size
    // The elements that stay were copied, so these need not be.
    elements.length = taken
    return elements
  }
}
