import type { Logger } from 'pino'
import { writeBatch } from '../../lib/write-batch.js'
import type { NatsLine } from './nats-connection.js'
import type { NatsLink } from './nats-link.js'
import type { NatsLinks } from './nats-links.js'

/** How many pieces are gathered before some of them leave, while more are still made. */
const mostAtOnce = 16
/** Longest message, in bytes, even where NATS takes more: all that share its connection wait for each of them. */
const longestMessage = 1024 * 1024
/** From so many bytes on NATS is asked whether it has taken them, and from so many on the connection is given up. */
const muchUnconfirmed = 256 * 1024
const mostUnconfirmed = 64 * 1024 * 1024

/**
 * What leaves for other processes over NATS. What is sent to one in one turn of the event loop leaves together; what NATS
 * has not taken yet is counted.
 */
export class NatsOutbox {
  readonly #line: NatsLine
  readonly #links: NatsLinks
  readonly #log: Logger
  /** How many bytes have left that NATS has not confirmed: those before it was last asked, and those after. */
  #asked = 0
  #sinceAsked = 0
  #isAsking = false
  #isOpen = false
  readonly #gather = writeBatch<NatsLink>(mostAtOnce, link => this.flush(link))

  constructor(line: NatsLine, links: NatsLinks, log: Logger) {
    this.#line = line
    this.#links = links
    this.#log = log
  }

  /** Whether anything leaves at the moment. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The connection to NATS is there. */
  open(): void {
    this.#isOpen = true
  }

  /** The connection to NATS is lost, and with it what NATS has not taken. */
  shut(): void {
    this.#isOpen = false
    this.#asked = 0
    this.#sinceAsked = 0
    for (const link of this.#links) {
      link.asked = 0
      link.sinceAsked = 0
    }
  }

  send(link: NatsLink, frames: Buffer): void {
    if (!this.#isOpen) {
      link.hasDropped = true
      return
    }
    link.wait(frames)
    this.#gather(link)
  }

  flush(link: NatsLink): void {
    if (link.waitingBytes === 0) return
    link.sinceAsked += link.waitingBytes
    this.#sinceAsked += link.waitingBytes
    for (const message of link.takeMessages(Math.min(this.#line.longest, longestMessage)))
      this.#line.publish(link.subject, message, link.reply)
    const unconfirmed = this.#asked + this.#sinceAsked
    if (unconfirmed > mostUnconfirmed) {
      this.#log.warn({ bytes: unconfirmed }, 'NATS takes nothing: it is connected to anew')
      this.#isOpen = false
      this.#line.reset()
    } else if (unconfirmed > muchUnconfirmed) this.#ask()
  }

  /** How many bytes wait for NATS to take them. */
  backlog(link: NatsLink): number {
    if (link.backlog > link.waitingBytes) this.#ask()
    return link.backlog
  }

  /** Asks NATS whether it has taken what was sent, unless it is asked already. */
  #ask(): void {
    if (this.#isAsking) return
    this.#isAsking = true
    this.#asked = this.#sinceAsked
    this.#sinceAsked = 0
    for (const link of this.#links) {
      link.asked = link.sinceAsked
      link.sinceAsked = 0
    }
    const answered = () => {
      this.#isAsking = false
      this.#asked = 0
      for (const link of this.#links) link.asked = 0
    }
    this.#line.confirmed().then(answered, answered)
  }
}
