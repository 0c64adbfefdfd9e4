import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { Element } from '../xmpp/xml/element.js'

/** How much may wait for a client before the server is read no further, and how many elements, unless a test has its own. */
const mostWaiting = 1024 * 1024
const mostElements = 1000
/**
 * Memory of an element beside its text, in bytes: a short element may keep the whole chunk that it was read with. Each UTF-16
 * unit counts as two bytes, which it takes if any character is beyond U+00FF.
 */
const elementBytes = 2048

/** Memory of elements with so many UTF-16 units in all, in bytes. */
export function memoryOf(size: number, elements: number): number {
  return 2 * size + elementBytes * elements
}

/** How much is taken out at once. */
const mostTaken = 1024 * 1024

const nothing: readonly Element[] = []

/** What the server sent and the client has not been given yet, in order. Sizes are in UTF-16 units. */
export class Outbox {
  readonly #waiting: WaitingMemory
  readonly #mostElements: number
  #elements: Element[] = []
  #size = 0
  #keptBytes = 0
  #delivered = 0
  #isClosed = false
  /** Reads from the server. */
  source: { readUnless(isFull: boolean): void } | undefined = undefined
  /** From a client to the next one, for its page to resume the stream. Gone once anything is taken. */
  resumption: unknown

  /** Counts itself in `waiting` until it is closed. */
  constructor(waiting: WaitingMemory, most = mostElements) {
    this.#waiting = waiting
    this.#mostElements = most
  }

  get isEmpty(): boolean {
    return this.#elements.length === 0
  }

  /** Stanzas that clients have taken and not put back. */
  get delivered(): number {
    return this.#delivered
  }

  /** Its memory, in bytes. */
  get bytes(): number {
    return memoryOf(this.#size, this.#elements.length)
  }

  /** Memory of delivered stanzas that the client keeps in case they must be delivered again, in bytes. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** Limit of the session's memory, in bytes. It falls as the memory of the process fills. */
  get mostBytes(): number {
    return this.#waiting.mostOfOne
  }

  /** Whether the server should be read no further until some of it is fetched. */
  get isFull(): boolean {
    const { length } = this.#elements
    return this.#size > mostWaiting || length > this.#mostElements || this.bytes > this.mostBytes
  }

  add(element: Element): void {
    this.#elements.push(element)
    this.#count(element.text.length, 1)
    this.source?.readUnless(this.isFull)
  }

  /** Puts elements before all others. */
  addFirst(elements: readonly Element[]): void {
    this.#insert(elements)
    this.source?.readUnless(this.isFull)
  }

  /** Puts stanzas that the client may not have received before all others. */
  putBack(stanzas: readonly Element[]): void {
    this.#insert(stanzas)
    this.#delivered -= stanzas.length
  }

  #insert(elements: readonly Element[]): void {
    if (elements.length === 0) return
    this.#elements = [...elements, ...this.#elements]
    this.#count(lengthOf(elements), elements.length)
  }

  /** Drops the oldest elements, which the client has. */
  skip(count: number): void {
    const skipped = this.#elements.splice(0, count)
    this.#count(-lengthOf(skipped), -skipped.length)
    this.#delivered += count
    this.source?.readUnless(this.isFull)
  }

  /** Takes out everything. */
  clear(): Element[] {
    const all = this.#elements
    // Where many sessions end at once, V8 would take all arrays that are made here for ones that last, and make them slowly.
    if (all.length > 0) this.#elements = []
    this.#count(-this.#size, -all.length)
    return all
  }

  /** Counts what the client keeps, in bytes. */
  keeps(bytes: number): void {
    if (this.#isClosed) return
    this.#waiting.change(bytes - this.#keptBytes)
    this.#keptBytes = bytes
  }

  /** Discards everything, and is not counted any more. */
  close(): void {
    this.clear()
    this.keeps(0)
    this.#isClosed = true
  }

  /** Takes the oldest elements out: at least one, and at most so many UTF-16 units. */
  take(most = mostTaken): readonly Element[] {
    this.resumption = undefined
    const elements = this.#takeOut(most)
    for (const { namespace } of elements) if (namespace === 'jabber:client') this.#delivered += 1
    this.source?.readUnless(this.isFull)
    return elements
  }

  #takeOut(most: number): readonly Element[] {
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
    this.#count(-size, -taken)
    // The elements that stay were copied, so these need not be.
    elements.length = taken
    return elements
  }

  /** Adds to the size, in UTF-16 units, and to the number of elements, or subtracts. */
  #count(size: number, elements: number): void {
    this.#size += size
    if (!this.#isClosed) this.#waiting.change(memoryOf(size, elements))
  }
}

function lengthOf(elements: readonly Element[]): number {
  let length = 0
  for (const { text } of elements) length += text.length
  return length
}
