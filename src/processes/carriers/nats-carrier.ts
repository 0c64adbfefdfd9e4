import type { Msg } from '@nats-io/transport-node'
import type { Logger } from 'pino'
import type { NatsSettings } from '../../config/config.js'
import { type Clock, systemClock } from '../../lib/clock.js'
import type { Carrier, CarrierEvents, StartCarrier } from './carrier.js'
import { NatsClient, type NatsClientParts } from './nats-client.js'
import type { NatsLink } from './nats-link.js'
import { NatsLinks } from './nats-links.js'
import { NatsOutbox } from './nats-outbox.js'
import {
  announcementOverheadBytes,
  announcementTo,
  farewell,
  hello,
  type NatsMessage,
  readHello,
  readMessage,
  restartMessage,
} from './nats-wire.js'

interface NatsCarrierParts {
  readonly settings: NatsSettings
  readonly log: Logger
  readonly clock?: Clock
  readonly onCertificate?: NatsClientParts['onCertificate']
}

/** Time for other processes to return after NATS is back. */
const graceMilliseconds = 10_000
/** If NATS has no subscriber for a process, the carrier sends a second probe after this time. */
const confirmMilliseconds = 1_200
const tellMilliseconds = 100
const startMilliseconds = 200
const closeMilliseconds = 1_000

const nothing = Buffer.alloc(0)

/**
 * Subjects: `PREFIX.to.RECEIVER.SENDER` to one process, `PREFIX.hello` to all. The carrier starts even if NATS is
 * unreachable. Rejects with a `ConfigError` if NATS refuses this process, or has no valid TLS.
 */
export function natsCarrier(parts: NatsCarrierParts): StartCarrier {
  return async (self, events) => {
    const carrier = new NatsCarrier(self, events, parts)
    await carrier.start()
    return carrier
  }
}

class NatsCarrier implements Carrier {
  readonly #self: string
  readonly #events: CarrierEvents
  readonly #log: Logger
  readonly #clock: Clock
  readonly #client: NatsClient
  readonly #outbox: NatsOutbox
  readonly #links: NatsLinks
  #announced: Buffer = nothing
  #upAt = 0
  #closed: Promise<void> | undefined

  constructor(
    self: string,
    events: CarrierEvents,
    { settings, log, clock = systemClock, onCertificate }: NatsCarrierParts,
  ) {
    this.#self = self
    this.#events = events
    this.#links = new NatsLinks(self, settings.subject)
    this.#log = log
    this.#clock = clock
    const name = `warm-bindings ${self}`
    const subjects = [this.#links.ownSubjects, this.#links.helloSubject]
    const targets = [this.#links.helloSubject, this.#links.probeSubject]
    this.#client = new NatsClient(
      { settings, name, subjects, targets, log, clock, onCertificate },
      {
        onUp: () => this.#up(),
        onDown: () => this.#down(),
        onMessage: message => this.#hear(message),
      },
    )
    this.#outbox = new NatsOutbox(this.#client, this.#links, log)
  }

  async start(): Promise<void> {
    await this.#client.open()
    await this.#client.confirmed().catch(() => undefined)
    if (this.isUp) await new Promise<void>(resolve => this.#clock.after(startMilliseconds, resolve))
  }

  get isUp(): boolean {
    return this.#client.isUp
  }

  send(node: string, frames: Buffer): void {
    const link = this.#links.joined(node)
    if (link !== undefined) this.#outbox.send(link, frames)
  }

  announce(frame: Buffer): void {
    if (this.isUp && frame.length + announcementOverheadBytes > this.#client.longestMessageBytes) {
      this.#log.warn({ bytes: frame.length }, 'an announcement is longer than NATS allows: see max_payload')
      return
    }
    this.#announced = frame
    this.#client.publish(this.#links.helloSubject, hello(this.#self, frame))
  }

  backlog(node: string): number {
    const link = this.#links.get(node)
    return link === undefined ? 0 : this.#outbox.backlog(link)
  }

  probe(node: string): void {
    const link = this.#links.joined(node)
    if (link !== undefined) this.#client.publish(link.subject, nothing, link.reply)
  }

  restart(node: string): void {
    const link = this.#links.joined(node)
    if (link === undefined) return
    this.#break(link)
    this.#tell(link)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    for (const link of this.#links) this.#outbox.flush(link)
    this.#client.publish(this.#links.helloSubject, farewell(this.#self))
    await Promise.race([
      this.#client.confirmed().catch(() => undefined),
      new Promise<void>(resolve => this.#clock.after(closeMilliseconds, resolve)),
    ])
    await this.#client.close()
  }

  #up(): void {
    this.#upAt = this.#clock.now()
    this.#client.publish(this.#links.helloSubject, hello(this.#self, this.#announced))
    for (const link of this.#links) {
      link.isHeard = false
      link.absence = 'none'
      if (link.isJoined && link.hasDropped) this.#break(link)
      if (link.isJoined) this.#tell(link)
    }
  }

  #down(): void {
    this.#outbox.forgetUnconfirmed()
    for (const link of this.#links) if (link.isJoined) this.#break(link)
  }

  #hear(message: Msg): void {
    if (this.#closed !== undefined) return
    const { subject } = message
    const bytes = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength)
    if (subject === this.#links.helloSubject) {
      const heard = readHello(bytes)
      if (heard !== undefined) this.#take(heard.name, heard.message, true)
      return
    }
    const name = this.#links.nameIn(subject)
    if (message.headers?.code === 503) {
      const link = this.#links.joined(name)
      if (link !== undefined) this.#unanswered(link)
      return
    }
    const read = readMessage(bytes)
    if (read !== undefined) this.#take(name, read, false)
    else if (bytes.length > 0) this.#log.debug('a message from NATS is invalid')
  }

  #take(name: string, message: NatsMessage, isToAll: boolean): void {
    const link = this.#links.get(name)
    link?.heard()
    if (message.kind === 'announcement') {
      if (link?.isJoined !== true && !this.#join(name, isToAll)) return
      if (message.frame.length > 0) this.#events.onAnnouncement(name, message.frame)
    } else if (link === undefined) return
    else if (message.kind === 'farewell') {
      this.#links.remove(name)
      if (link.isJoined) this.#events.onLeave(name)
    } else this.#follow(link, message)
  }

  #follow(link: NatsLink, message: Extract<NatsMessage, { kind: 'data' | 'restart' }>): void {
    if (link.isLater(message.stream)) {
      const isLost = !link.isNew || link.hasDropped
      link.restart(message.stream)
      if (isLost && link.isJoined) this.#events.onBreak(link.name)
    }
    if (message.kind === 'restart') {
      if (message.stream !== link.stream) this.#tell(link)
      return
    }
    if (!link.isJoined) return
    const reading = link.read(message)
    if (reading === 'next') this.#events.onBytes(link.name, message.bytes)
    else if (reading === 'gap') {
      this.#break(link)
      this.#tell(link)
    } else if (reading === 'stale' && this.#clock.now() - link.toldAt >= tellMilliseconds) this.#tell(link)
  }

  #join(name: string, isToAll: boolean): boolean {
    const link = this.#links.join(name)
    if (link === undefined) return false
    link.heard()
    if (isToAll) this.#client.publish(link.subject, announcementTo(this.#announced), link.reply)
    this.#events.onJoin(name)
    return true
  }

  /** Called when NATS reports no subscriber: the process of `link` is gone, or is reconnecting to NATS. */
  #unanswered(link: NatsLink): void {
    const isBack = link.isHeard || this.#clock.now() - this.#upAt >= graceMilliseconds
    if (link.absence === 'confirming') {
      link.isJoined = false
      link.restart()
      this.#events.onLeave(link.name)
      return
    }
    if (isBack && link.absence === 'none') {
      link.absence = 'waiting'
      this.#clock.after(confirmMilliseconds, () => {
        if (link.absence !== 'waiting') return
        link.absence = 'confirming'
        this.probe(link.name)
      })
    }
    if (link.hasSent) this.#break(link)
  }

  #break(link: NatsLink): void {
    link.restart()
    this.#events.onBreak(link.name)
  }

  #tell(link: NatsLink): void {
    link.toldAt = this.#clock.now()
    this.#client.publish(link.subject, restartMessage(link.stream), link.reply)
  }
}
