import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { Link, StreamOptions } from '../xmpp/link.js'
import { stanzaErrorNamespace } from '../xmpp/namespaces.js'
import { startTagOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { attribute } from '../xmpp/xml/escape.js'
import type { RateShaper } from './limits/rate-shaper.js'
import { memoryOf } from './outbox.js'
import type { Payload } from './payload.js'
import { ServerWatch } from './server-watch.js'

/** What may wait for the server before its client is kept from sending more, in UTF-16 units: the longest stanza. */
const mostWaiting = 256 * 1024
/** What may wait for it at all: clients that poll, or that have many requests open, cannot be kept from it. */
const mostKept = 8 * 1024 * 1024
/** The same before the login, in bytes of memory: 64 KiB of text in 64 elements. */
const mostBeforeLogin = memoryOf(64 * 1024, 64)

/**
 * Sends what a client says to its server. While the stream is being opened, that waits for the features. A login may wait, too.
 */
export class Uplink {
  #isOpening = true
  #isHeld = false
  #isPaused = false
  /** What waits; undefined once the features have come and nothing is held. */
  #unsent: Element[] | undefined = []
  /** Its size, in UTF-16 units. */
  #unsentSize = 0
  readonly #waiting: WaitingMemory

  readonly link: Link
  readonly watch: ServerWatch
  readonly #shaper: RateShaper
  /** The rate shaper's number. */
  #paidAt = 0

  /**
   * Counts unsent elements in `waiting`. `patience` is how long the server may take to answer, in milliseconds. Undefined if that is
   * not watched.
   */
  constructor(link: Link, shaper: RateShaper, waiting: WaitingMemory, patience: number | undefined) {
    this.link = link
    this.#waiting = waiting
    this.watch = new ServerWatch(patience)
    this.#shaper = shaper
  }

  /** When the client may send more, in milliseconds of the clock. */
  get freeAt(): number {
    return this.#shaper.freeAt(this.#paidAt)
  }

  /** Charges the client for what it sends, in UTF-16 units. */
  charge(size: number, now: number): void {
    this.#paidAt = this.#shaper.charge(this.#paidAt, size, now)
  }

  /** Lets another client send at once. */
  forgive(): void {
    this.#paidAt = 0
  }

  /** Whether the server has yet to take so much that the client should send no more. */
  get isBehind(): boolean {
    return this.#unsent !== undefined || this.link.backlog > mostWaiting
  }

  /** Whether more waits for the server than can be kept. */
  get isOverfull(): boolean {
    return (this.#unsent === undefined ? this.link.backlog : this.#unsentSize) > mostKept
  }

  /** Whether more waits for the server than a client may send before its login. */
  get isOverfullForStranger(): boolean {
    return this.unsentBytes > mostBeforeLogin || this.link.backlog > mostBeforeLogin
  }

  /** Memory of what waits for the features or a login, in bytes. */
  get unsentBytes(): number {
    return this.#unsent === undefined ? 0 : memoryOf(this.#unsentSize, this.#unsent.length)
  }

  /** Drops what waits for the features or a login. */
  discard(): void {
    this.#takeUnsent()
  }

  /** `now` is the time, in milliseconds of the clock, once the client is logged in. From then on the server must answer. */
  send(payload: Payload, now?: number): void {
    const { elements, size } = payload
    this.watch.sent(payload, now)
    if (this.#unsent === undefined) this.link.send(elements)
    else {
      for (const element of elements) this.#unsent.push(element)
      this.#unsentSize += size
      this.#waiting.change(memoryOf(size, elements.length))
    }
  }

  /** The features have come: what waited for them goes out. */
  opened(): void {
    this.#isOpening = false
    this.#sendUnsent()
  }

  /** Holds what the client sends from now on. */
  hold(): void {
    this.#isHeld = true
    this.#unsent ??= []
  }

  /** Sends what was held. */
  letGo(): void {
    this.#isHeld = false
    this.#sendUnsent()
  }

  /** Opens a new stream on the same connection (RFC 6120 §4.3.3). */
  restart(options: StreamOptions): void {
    this.#isOpening = true
    this.#unsent ??= []
    this.link.restart(options)
  }

  /** Reads from the server unless the outbox is full. */
  readUnless(isFull: boolean): void {
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) this.link.pause()
    else this.link.resume()
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Returns undelivered stanzas to their senders. */
  bounce(undelivered: readonly Element[]): void {
    for (const element of undelivered) this.#bounce(element)
  }

  /** The same for want of memory: a server that does not read gets no more. Then abandons the link. */
  abandon(undelivered: readonly Element[]): void {
    for (const element of undelivered) {
      if (this.link.backlog > mostWaiting) break
      if (element.text.length <= mostWaiting) this.#bounce(element)
    }
    this.link.abandon()
  }

  #bounce(element: Element): void {
    const answer = bounce(element)
    if (answer !== undefined) this.link.send([answer])
  }

  #sendUnsent(): void {
    if (this.#isOpening || this.#isHeld) return
    const unsent = this.#takeUnsent()
    if (unsent.length > 0) this.link.send(unsent)
  }

  #takeUnsent(): readonly Element[] {
    const unsent = this.#unsent ?? nothing
    if (unsent.length > 0) this.#waiting.change(-this.unsentBytes)
    this.#unsent = undefined
    this.#unsentSize = 0
    return unsent
  }
}

const nothing: readonly Element[] = []

/** The answer, as of its server, to a stanza that never reached its client, if there is one (XEP-0206 §7). */
export function bounce({ name, namespace, text }: Element): Element | undefined {
  if (namespace !== 'jabber:client') return undefined
  const tag = startTagOf(text)
  const condition = conditionFor(name, tag.attribute('type'))
  if (condition === undefined) return undefined
  const addressing = attribute('to', tag.attribute('from')) + attribute('id', tag.attribute('id'))
  const answer =
    `<${name} xmlns='jabber:client' type='error'${addressing}>` +
    `<error type='${condition === 'recipient-unavailable' ? 'wait' : 'cancel'}'>` +
    `<${condition} xmlns='${stanzaErrorNamespace}'/></error></${name}>`
  return { name, namespace, text: answer }
}

function conditionFor(name: string, type: string | undefined): string | undefined {
  if (name === 'iq') return type === 'get' || type === 'set' ? 'service-unavailable' : undefined
  return name === 'message' && type !== 'error' ? 'recipient-unavailable' : undefined
}
