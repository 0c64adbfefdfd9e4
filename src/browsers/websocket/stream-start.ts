import type { Config } from '../../config/config.js'
import type { Timer } from '../../lib/clock.js'
import type { WebSocketCut } from '../../lib/counts.js'
import type { KeyedRate } from '../../lib/limits/rates.js'
import type { NoteRefusal } from '../../lib/limits/refusal-log.js'
import type { Opener } from '../../session/opener.js'
import type { Session } from '../../session/session.js'
import type { CommonParts } from '../../session/session-keeper.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { framingNamespace } from '../../xmpp/namespaces.js'
import { writeStreamError } from '../../xmpp/stream-errors.js'
import type { Element } from '../../xmpp/xml/element.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import { declareStream, readMessage, readOpen, type StreamOpening, writeOpen } from './framing.js'
import { type ChannelEvents, closeCodes, type SocketChannel } from './socket-channel.js'
import { WebSocketClient } from './websocket-client.js'

export interface StreamParts {
  readonly common: CommonParts
  readonly config: Pick<Config, 'bosh' | 'domains' | 'requireSecure' | 'websocket'>
  readonly opener: Opener
  readonly noteRefusal: NoteRefusal
  /** Streams that have no session yet. */
  readonly starting: Set<StreamStart>
  readonly wrongTokens: KeyedRate
}

const longestMessageBytes = 16 * 1024

const openSeconds = 10

/** A channel that has no session yet, and whose client logs in itself (RFC 7395 §3.4). */
export class StreamStart implements ChannelEvents {
  protected readonly channel: SocketChannel
  protected readonly parts: StreamParts
  readonly #limit: Timer
  protected isGone = false
  /** Messages of a client that does not wait for our answer. Few, because the channel is paused meanwhile. */
  protected waiting: Buffer[] | undefined

  constructor(channel: SocketChannel, parts: StreamParts, seconds = openSeconds) {
    this.channel = channel
    this.parts = parts
    this.#limit = parts.common.clock.after(seconds * 1000, () => this.refuse('connection-timeout'))
    parts.starting.add(this)
    channel.events = this
  }

  onMessage(message: Buffer): void {
    if (this.waiting !== undefined) return void this.waiting.push(message)
    const element = message.length > longestMessageBytes ? 'policy-violation' : readMessage(message)
    if (typeof element === 'string') this.refuse(element)
    else if (element.namespace === framingNamespace && element.name === 'close') this.channel.answerClose()
    else {
      try {
        this.take(element)
      } catch (error) {
        if (!(error instanceof XmlError)) throw error
        this.refuse(error.fault)
      }
    }
  }

  onGone(cut?: WebSocketCut): void {
    // Limits have their own line.
    if (cut === 'bad-frame') this.parts.noteRefusal(cut, this.channel.client.address)
    this.isGone = true
    this.over()
  }

  /** RFC 7395 §3.5. */
  refuse(condition: string, code?: number, setting?: string): void {
    this.over()
    this.parts.noteRefusal(condition, this.channel.client.address, setting)
    this.channel.end(code, [...this.introduction, declareStream(writeStreamError(condition))])
  }

  protected take(element: Element): void {
    const opened = this.opening(element)
    if (opened === undefined) return
    this.waiting = []
    this.channel.pause()
    this.#logIn(opened.domain, opened.opening).catch(error => {
      this.parts.common.log.report(error, 'websocket')
      this.refuse('internal-server-error')
    })
  }

  protected get introduction(): readonly string[] {
    return [writeOpen(this.parts.config.bosh.defaultDomain, undefined)]
  }

  protected over(): void {
    this.#limit.cancel()
    this.parts.starting.delete(this)
  }

  protected opening(element: Element): { domain: string | undefined; opening: StreamOpening } | undefined {
    const { common, config } = this.parts
    const opening = readOpen(element)
    if (opening === undefined) this.refuse('invalid-namespace')
    else if (!/^1\.\d{1,5}$/.test(opening.version ?? '')) this.refuse('unsupported-version')
    else if (config.requireSecure && !this.channel.client.secure && common.registry.takesSessions) this.#sendAway()
    else return { domain: opening.to ? prepareDomain(opening.to) : config.bosh.defaultDomain, opening }
    return undefined
  }

  async #logIn(domain: string | undefined, { lang = 'en', from }: StreamOpening): Promise<void> {
    const begin = (session: Session) => new WebSocketClient(session, this.channel, false)
    const opened = await this.parts.opener.openForClient(domain, { lang, from }, this.channel.client, begin)
    this.over()
    if (opened === 'system-shutdown') this.refuse(opened, closeCodes.goingAway)
    else if (typeof opened === 'string') this.refuse(opened)
    else if (this.isGone) opened.session.end('client', 'silent')
    else {
      opened.session.run(() => opened.session.flush())
      for (const message of this.waiting!) opened.onMessage(message)
    }
  }

  #sendAway(): void {
    const { secureUrl } = this.channel.client
    if (secureUrl === undefined) this.refuse('policy-violation', undefined, 'REQUIRE_SECURE')
    else {
      this.over()
      this.channel.end(undefined, this.introduction, secureUrl)
    }
  }
}
