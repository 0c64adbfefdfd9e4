import type { Logger } from 'pino'
import { writeBatch } from '../../lib/write-batch.js'
import type { NatsClient } from './nats-client.js'
import type { NatsLink } from './nats-link.js'
import type { NatsLinks } from './nats-links.js'

const mostAtOnce = 16
/** In bytes. A longer message would block other messages of its connection. */
const longestMessage = 1024 * 1024
const muchUnconfirmed = 256 * 1024
const mostUnconfirmed = 64 * 1024 * 1024

export class NatsOutbox {
  readonly #client: NatsClient
  readonly #links: NatsLinks
  readonly #log: Logger
  #bytesAsked = 0
  #bytesSinceAsked = 0
  #isAsking = false
  readonly #gather = writeBatch<NatsLink>(mostAtOnce, link => this.flush(link))

  constructor(client: NatsClient, links: NatsLinks, log: Logger) {
    this.#client = client
    this.#links = links
    this.#log = log
  }

  forgetUnconfirmed(): void {
    this.#bytesAsked = 0
    this.#bytesSinceAsked = 0
    for (const link of this.#links) {
      link.bytesAsked = 0
      link.bytesSinceAsked = 0
    }
  }

  send(link: NatsLink, frames: Buffer): void {
    if (!this.#client.isUp) {
      link.hasDropped = true
      return
    }
    link.wait(frames)
    this.#gather(link)
  }

  flush(link: NatsLink): void {
    if (link.waitingBytes === 0) return
    link.bytesSinceAsked += link.waitingBytes
    this.#bytesSinceAsked += link.waitingBytes
    for (const message of link.takeMessages(Math.min(this.#client.longestMessageBytes, longestMessage)))
      this.#client.publish(link.subject, message, link.reply)
    const unconfirmed = this.#bytesAsked + this.#bytesSinceAsked
    if (unconfirmed > mostUnconfirmed) {
      this.#log.warn({ bytes: unconfirmed }, 'NATS accepts no data: this process reconnects')
      this.#client.reset()
    } else if (unconfirmed > muchUnconfirmed) this.#ask()
  }

  backlog(link: NatsLink): number {
    if (link.backlog > link.waitingBytes) this.#ask()
    return link.backlog
  }

  #ask(): void {
    if (this.#isAsking) return
    this.#isAsking = true
    this.#bytesAsked = this.#bytesSinceAsked
    this.#bytesSinceAsked = 0
    for (const link of this.#links) {
      link.bytesAsked = link.bytesSinceAsked
      link.bytesSinceAsked = 0
    }
    const answered = () => {
      this.#isAsking = false
      this.#bytesAsked = 0
      for (const link of this.#links) link.bytesAsked = 0
    }
    this.#client.confirmed().then(answered, answered)
  }
}
