import type { LinkEvents, LinkHandle } from '../c2s/link.js'
import type { LinkFacts } from '../exchange.js'
import type { Element } from '../xml/scanner.js'
import type { Body } from './body.js'
import { payloadText } from './payload.js'
import { bounce } from './undelivered.js'

/** A session's way to the XMPP server: what is sent while the stream is being opened waits for its features. */
export class Upstream {
  readonly #link: LinkHandle
  /** Undefined once the features have come. */
  #unsent: string | undefined = ''

  constructor(connect: (events: LinkEvents) => LinkHandle, events: LinkEvents) {
    this.#link = connect(events)
  }

  /** Whether the stream is being opened, the first time or again. */
  get isOpening(): boolean {
    return this.#unsent !== undefined
  }

  get facts(): LinkFacts {
    return this.#link.facts
  }

  send(payload: readonly Element[]): void {
    const text = payloadText(payload)
    if (this.#unsent === undefined) this.#link.send(text)
    else this.#unsent += text
  }

  /** The features have come: what waited for them goes out. */
  opened(): void {
    const unsent = this.#unsent
    this.#unsent = undefined
    if (unsent) this.#link.send(unsent)
  }

  /** Opens a new stream on the same connection, with what the request says of it (XEP-0206 §5). */
  restart({ to, lang, from }: Body): void {
    this.#unsent ??= ''
    this.#link.restart({
      ...(to === undefined ? {} : { to }),
      ...(lang === undefined ? {} : { lang }),
      ...(from === undefined ? {} : { from }),
    })
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
      if (answer !== undefined) this.#link.send(answer)
    }
    this.#link.close()
  }
}
