import type { Element } from '../xmpp/xml/element.js'
import type { SessionKeeper } from './session-keeper.js'
import type { Transport } from './session-types.js'

/** While the outbox is above these limits, the server is not read. */
const mostWaiting = 1024 * 1024
const mostElements = 1000
/** Memory of an element besides its text: a substring may keep a network chunk. */
const elementBytes = 2048

/** Returns bytes: a UTF-16 unit has two. */
export function memoryOf(size: number, elements: number): number {
  return 2 * size + elementBytes * elements
}

const mostTaken = 1024 * 1024

const nothing: readonly Element[] = []

type Parts = Pick<SessionKeeper<unknown>, 'clock' | 'counts' | 'mostElements' | 'waiting'>

export interface OutboxRecord {
  readonly elements: readonly Element[]
  readonly delivered: number
  readonly resumption: unknown
}

export class Outbox {
  readonly #parts: Parts
  readonly #mostElements: number
  #elements: Element[] = []
  #size = 0
  #keptBytes = 0
  #delivered = 0
  #isClosed = false
  /** Number of elements before the first stanza that was added since the last delivery, or -1. */
  #beforeTimed = -1
  #since = 0
  source: { readonly isPaused: boolean; readUnless(isFull: boolean): void } | undefined = undefined
  /** Data for the next client (XEP-0198). Deleted when elements are taken. */
  resumption: unknown

  constructor(parts: Parts) {
    this.#parts = parts
    this.#mostElements = parts.mostElements ?? mostElements
  }

  get record(): OutboxRecord {
    return { elements: [...this.#elements], delivered: this.#delivered, resumption: this.resumption }
  }

  takeUp({ elements, delivered, resumption }: OutboxRecord): void {
    this.addFirst(elements)
    this.#delivered = delivered
    this.resumption = resumption
  }

  get isEmpty(): boolean {
    return this.#elements.length === 0
  }

  get length(): number {
    return this.#elements.length
  }

  get delivered(): number {
    return this.#delivered
  }

  get bytes(): number {
    return memoryOf(this.#size, this.#elements.length)
  }

  /** Bytes of delivered stanzas that may be sent again. */
  get keptBytes(): number {
    return this.#keptBytes
  }

  /** Falls as the memory of the process fills. */
  get mostBytes(): number {
    return this.#parts.waiting.mostOfOne
  }

  get isFull(): boolean {
    const { length } = this.#elements
    return this.#size > mostWaiting || length > this.#mostElements || this.bytes > this.mostBytes
  }

  add(element: Element): void {
    if (this.#beforeTimed < 0 && element.namespace === 'jabber:client') {
      this.#beforeTimed = this.#elements.length
      this.#since = this.#parts.clock.now()
    }
    this.#elements.push(element)
    this.#count(element.text.length, 1)
    this.source?.readUnless(this.isFull)
  }

  addFirst(elements: readonly Element[]): void {
    this.#insert(elements)
    this.source?.readUnless(this.isFull)
  }

  putBack(stanzas: readonly Element[]): void {
    this.#insert(stanzas)
    this.#delivered -= stanzas.length
  }

  #insert(elements: readonly Element[]): void {
    if (elements.length === 0) return
    this.#elements = [...elements, ...this.#elements]
    if (this.#beforeTimed >= 0) this.#beforeTimed += elements.length
    this.#count(lengthOf(elements), elements.length)
  }

  skip(count: number): void {
    const skipped = this.#elements.splice(0, count)
    this.#count(-lengthOf(skipped), -skipped.length)
    this.#beforeTimed = Math.max(-1, this.#beforeTimed - skipped.length)
    this.#delivered += count
    if (this.source?.isPaused === true) this.source.readUnless(this.isFull)
  }

  clear(): Element[] {
    const all = this.#elements
    // New arrays for many sessions that end at once would be slow.
    if (all.length > 0) this.#elements = []
    this.#count(-this.#size, -all.length)
    this.#beforeTimed = -1
    return all
  }

  keeps(bytes: number): void {
    if (this.#isClosed) return
    this.#parts.waiting.change(bytes - this.#keptBytes)
    this.#keptBytes = bytes
  }

  close(): void {
    this.clear()
    this.keeps(0)
    this.#isClosed = true
  }

  /** Takes at least one element, even if its text is longer than `most`. */
  take(transport: Transport, most = mostTaken): readonly Element[] {
    this.resumption = undefined
    const before = this.#beforeTimed
    const elements = this.#takeOut(most)
    if (before >= elements.length) this.#beforeTimed = before - elements.length
    else if (before >= 0) {
      this.#beforeTimed = -1
      const { clock, counts } = this.#parts
      counts.pages[transport].deliveries.add((clock.now() - this.#since) / 1000)
    }
    for (const { namespace } of elements) if (namespace === 'jabber:client') this.#delivered += 1
    if (this.source?.isPaused === true) this.source.readUnless(this.isFull)
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
    // The remaining elements were copied.
    elements.length = taken
    return elements
  }

  #count(size: number, elements: number): void {
    this.#size += size
    if (!this.#isClosed) this.#parts.waiting.change(memoryOf(size, elements))
  }
}

function lengthOf(elements: readonly Element[]): number {
  let length = 0
  for (const { text } of elements) length += text.length
  return length
}
