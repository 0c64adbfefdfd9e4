import type { Element } from '../xmpp/xml/element.js'
import type { CommonParts } from './session-keeper.js'
import type { Transport } from './session-types.js'

/** Characters. */
const mostWaiting = 1024 * 1024
const mostElements = 1000
/** Counted for each element: usually 200 bytes, but a short text may keep 512 characters around it in memory. */
const elementBytes = 384

/** Returns bytes. `size` is in UTF-16 units of two bytes. */
export function memoryOf(size: number, elements: number): number {
  return 2 * size + elementBytes * elements
}

const mostTaken = 1024 * 1024

/** Stanzas that a page can get twice after the death of a process. */
const mostTwice = 100_000

const nothing: readonly Element[] = []

type Parts = Pick<CommonParts, 'clock' | 'counts' | 'mostElements' | 'waiting'>

export type OutboxRecord = Omit<Outbox['record'], 'takeovers'> & { readonly takeovers?: number | undefined }

export class Outbox {
  readonly #parts: Parts
  #elements: Element[] = []
  #size = 0
  #clientBytes = 0
  delivered = 0
  /** How often another process has continued the session after the death of its process. */
  takeovers = 0
  #isClosed = false
  /** The stanza whose wait is measured. */
  #timed: Element | undefined
  #timedSince = 0
  source: { readonly isPaused: boolean; readUnless(isFull: boolean): void } | undefined = undefined
  /** State of the last page's stream (XEP-0198), which the next page can resume. Deleted when elements are taken. */
  resumption: unknown
  /** No stanza. Delivered before all elements. A newer notice replaces it. */
  notice: Element | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get record() {
    const { resumption } = this
    return { elements: [...this.#elements], delivered: this.delivered, takeovers: this.takeovers, resumption }
  }

  /** From which another process continues after the death of this one, with stanzas of the link's record. */
  keep(resumption: unknown) {
    return { elements: [], delivered: this.delivered, takeovers: this.takeovers + 1, resumption }
  }

  takeUp({ elements, delivered, takeovers = 0, resumption }: OutboxRecord): void {
    this.#insert(elements)
    this.source?.readUnless(this.isFull)
    this.delivered = delivered
    this.takeovers = takeovers
    this.resumption = resumption
  }

  get waiting(): readonly Element[] {
    return this.#elements
  }

  get isEmpty(): boolean {
    return this.#elements.length === 0 && this.notice === undefined
  }

  get length(): number {
    return this.#elements.length
  }

  /** For pages. Higher than the count of a page that got stanzas twice, which would drop as many new stanzas later. */
  get countForPages(): number {
    return this.delivered + this.takeovers * mostTwice
  }

  get bytes(): number {
    return memoryOf(this.#size, this.#elements.length)
  }

  get clientBytes(): number {
    return this.#clientBytes
  }

  setClientBytes(bytes: number): void {
    if (this.#isClosed) return
    this.#parts.waiting.change(bytes - this.#clientBytes)
    this.#clientBytes = bytes
  }

  /** Falls if more than half of the memory for waiting stanzas is in use. */
  get mostBytes(): number {
    return this.#parts.waiting.mostOfSession
  }

  /** If true, the server is not read. */
  get isFull(): boolean {
    const most = this.#parts.mostElements ?? mostElements
    return this.#size > mostWaiting || this.length > most || this.bytes > this.mostBytes
  }

  add(element: Element): void {
    if (this.#timed === undefined && element.namespace === 'jabber:client') {
      this.#timed = element
      this.#timedSince = this.#parts.clock.now()
    }
    this.#elements.push(element)
    this.#count(element.text.length, 1)
    this.source?.readUnless(this.isFull)
  }

  putBack(stanzas: readonly Element[]): void {
    this.#insert(stanzas)
    this.delivered -= stanzas.length
  }

  #insert(elements: readonly Element[]): void {
    if (elements.length === 0) return
    this.#elements = [...elements, ...this.#elements]
    this.#count(lengthOf(elements), elements.length)
  }

  skip(count: number): void {
    const skipped = this.#elements.splice(0, count)
    this.#count(-lengthOf(skipped), -skipped.length)
    for (const element of skipped) if (element === this.#timed) this.#timed = undefined
    this.delivered += count
    if (this.source?.isPaused === true) this.source.readUnless(this.isFull)
  }

  clear(): Element[] {
    const all = this.#elements
    if (all.length > 0) this.#elements = []
    this.#count(-this.#size, -all.length)
    this.#timed = undefined
    return all
  }

  close(): void {
    this.clear()
    this.notice = undefined
    this.setClientBytes(0)
    this.#isClosed = true
  }

  /** `most`: characters. Longer elements are returned alone. */
  take(transport: Transport, most = mostTaken): readonly Element[] {
    this.resumption = undefined
    const timed = this.#timed
    const { clock, counts } = this.#parts
    const elements = this.#takeOut(most)
    for (const element of elements) {
      if (element.namespace === 'jabber:client') this.delivered += 1
      if (element !== timed) continue
      this.#timed = undefined
      counts.deliveries.observe({ transport }, (clock.now() - this.#timedSince) / 1000)
    }
    if (this.source?.isPaused === true) this.source.readUnless(this.isFull)
    const { notice } = this
    if (notice === undefined) return elements
    this.notice = undefined
    return [notice, ...elements]
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
