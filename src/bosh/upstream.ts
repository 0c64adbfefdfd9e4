import type { LoginWishes } from '../exchange.js'
import type { Link, LinkEvents, LinkFacts } from '../link.js'
import type { Element } from '../xml/element.js'
import type { Body } from './body.js'
import { sizeOf } from './payload.js'
import { bounce } from './undelivered.js'

/** What may wait for the server before its client is kept from sending more, in UTF-16 units: the longest stanza. */
const mostWaiting = 256 * 1024
/** What may wait for it at all: clients that poll, or that have many requests open, cannot be kept from it. */
const mostKept = 8 * 1024 * 1024

/** Opens the link to the XMPP server, with what a login in this process wants of it. */
export type Connect = (events: LinkEvents, wishes: LoginWishes | undefined) => Link

/** A session's way to the XMPP server: what is sent while the stream is being opened waits for its features. */
export class Upstream {
  readonly #link: Link
  /** Undefined once the features have come. */
  #unsent: Element[] | undefined = []
  /** Their size, in UTF-16 units. */
  #unsentSize = 0

  constructor(connect: Connect, wishes: LoginWishes | undefined, events: LinkEvents) {
    this.#link = connect(events, wishes)
  }

  /** Whether the stream is being opened, the first time or again. */
  get isOpening(): boolean {
    return this.#unsent !== undefined
  }

  /** Whether the server has yet to take so much that its client should send no more. */
  get isBehind(): boolean {
    return this.#unsent !== undefined || this.#link.backlog > mostWaiting
  }

  /** Whether more waits for the server than can be kept. */
  get isOverfull(): boolean {
    return (this.#unsent === undefined ? this.#link.backlog : this.#unsentSize) > mostKept
  }

  get facts(): LinkFacts {
    return this.#link.facts
  }

  /** `isStep` where it is a step of a login. */
  send(payload: readonly Element[], isStep: boolean): void {
    if (this.#unsent === undefined) this.#link.send(payload, isStep)
    else {
      this.#unsent.push(...payload)
      this.#unsentSize += sizeOf(payload)
    }
  }

  /** The features have come: what waited for them goes out. */
  opened(): void {
    const unsent = this.#unsent
    this.#unsent = undefined
    this.#unsentSize = 0
    if (unsent !== undefined && unsent.length > 0) this.#link.send(unsent)
  }

  /** Whether the server has ended all that it has begun to say: the rest of it must not begin a new stream. */
  get isBetweenElements(): boolean {
    return this.#link.isBetweenElements
  }

  /** Opens a new stream on the same connection, to the same domain, with what the request says of it (XEP-0206 §5). */
  restart({ lang, from }: Body): void {
    this.#unsent ??= []
    this.#link.restart({ lang, from })
  }

  /** Stops reading from the server until `resume`. */
  pause(): void {
    this.#link.pause()
  }

  resume(): void {
    this.#link.resume()
  }

  /** Closes the stream; the senders of what was not delivered are told before. */
  close(undelivered: readonly Element[] = []): void {
    for (const element of undelivered) {
      const answer = bounce(element)
      if (answer !== undefined) this.#link.send([answer])
    }
    this.#link.close()
  }
}
