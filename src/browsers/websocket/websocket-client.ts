import type { EndReason, WebSocketCut } from '../../lib/counts.js'
import type { Client, Outcome } from '../../session/client.js'
import { inspect } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import type { StreamHeader } from '../../xmpp/link.js'
import { framingNamespace, streamsNamespace } from '../../xmpp/namespaces.js'
import { writeStreamError } from '../../xmpp/stream-errors.js'
import type { Element } from '../../xmpp/xml/element.js'
import { declareStream, messageOf, readMessage, readOpen, writeOpen } from './framing.js'
import { type ChannelEvents, closeCodes, type SocketChannel } from './socket-channel.js'

const mostOfDelivery = 64 * 1024

/** Rules, as the log names them. */
export const restart = 'a stream restarts once, after the login'
const negotiation = 'TLS and compression cannot be negotiated'
const tooLong = 'a stanza has at most MAX_STANZA_BYTES'

/** RFC 6120 §4.9.3. */
const conditionOf: Partial<Record<EndReason, string>> = {
  'connection-lost': 'remote-connection-failed',
  replaced: 'conflict',
  'login-timeout': 'connection-timeout',
  'refused-logins': 'policy-violation',
  limit: 'policy-violation',
  'policy-violation': 'policy-violation',
  shutdown: 'system-shutdown',
}

/** A client that logs in itself (RFC 7395). */
export class WebSocketClient implements Client, ChannelEvents {
  readonly transport = 'websocket'
  readonly session: Session
  protected readonly channel: SocketChannel
  /** `<open/>` must precede an error (RFC 7395 §3.5). */
  #isOpened: boolean
  #isHeldBack = false

  constructor(session: Session, channel: SocketChannel, isOpened: boolean) {
    this.session = session
    this.channel = channel
    channel.events = this
    this.#isOpened = isOpened
  }

  get address(): string {
    return this.channel.client.address
  }

  get isPresent(): boolean {
    return this.channel.isOpen
  }

  get unconfirmed(): number {
    return 0
  }

  get deadline(): number {
    const waitsForRate = this.#isHeldBack && !this.session.uplink.isBehind
    return waitsForRate ? this.session.uplink.freeAt : Number.POSITIVE_INFINITY
  }

  tick(_now: number): void {
    this.pace()
  }

  onOpen({ from, id, lang }: StreamHeader): void {
    this.#isOpened = true
    this.channel.send(writeOpen(from ?? this.session.domain, id, lang))
  }

  onMessage(message: Buffer): void {
    this.session.run(() => this.#take(message))
  }

  onDrain(): void {
    this.session.run(() => this.session.flush())
  }

  onGone(cut: WebSocketCut | undefined): void {
    this.session.run(() => this.gone(cut))
  }

  flush(): void {
    this.#deliverAll()
    this.pace()
  }

  reportEnd({ reason, streamError }: Outcome): boolean {
    this.#deliverAll()
    if (!this.session.outbox.isEmpty && this.channel.isOpen) {
      this.pace()
      return false
    }
    if (this.session.stage.hasLastStanzas && !this.channel.isOpen) return false
    const code = reason === 'shutdown' ? closeCodes.goingAway : closeCodes.normal
    if (streamError !== undefined) this.channel.end(code, this.#introduced(declareStream(streamError)))
    else this.endWith(conditionOf[reason] ?? 'undefined-condition', code)
    return true
  }

  close(notice?: 'end' | 'return' | 'fault'): void {
    if (notice === 'fault') this.endWith('internal-server-error')
    else if (notice === 'return') this.channel.drop(closeCodes.restart)
    else this.channel.end()
  }

  protected take(element: Element): void {
    this.pass(element)
  }

  protected takeOpen(element: Element): void {
    const opening = readOpen(element)
    const isRestart = opening !== undefined && this.session.restart(opening.to, opening)
    if (opening === undefined) this.refuse('bad-format')
    else if (!isRestart) this.refuse('policy-violation', restart)
  }

  /** After a cut, the server keeps the stream for a resumption (XEP-0198 §5). */
  protected gone(cut: WebSocketCut | undefined): void {
    if (cut !== undefined) this.session.end(cut, 'resumable')
    else this.session.end('client', 'silent')
  }

  protected get canDeliver(): boolean {
    return this.channel.isOpen && !this.channel.isBehind
  }

  protected deliver(elements: readonly Element[]): void {
    for (const element of elements) this.channel.send(messageOf(element))
  }

  protected pass(element: Element): void {
    if (this.session.hasEnded) return void this.#returnToClient(element)
    const payload = inspect([element], this.session.keeper.common)
    // Faults include STARTTLS, which WebSocket does not have (RFC 7395 §3.9).
    if (payload.fault !== undefined)
      return void this.refuse('policy-violation', payload.fault === 'bad-request' ? negotiation : tooLong)
    this.session.send(payload, this.session.now)
    if (!this.session.outbox.isEmpty || this.session.hasEnded) this.session.flush()
    else this.pace()
  }

  protected refuse(condition: string, rule?: string, more?: string): void {
    this.session.notice(`a WebSocket broke a rule: ${condition}${rule === undefined ? '' : `: ${rule}`}`)
    this.endWith(condition, undefined, more)
    this.session.end('policy-violation', 'silent')
  }

  protected endWith(condition: string, code?: number, more?: string): void {
    this.channel.end(code, this.#introduced(declareStream(writeStreamError(condition, more))))
  }

  #take(message: Buffer): void {
    const element = readMessage(message)
    if (typeof element === 'string') this.refuse(element)
    else if (element.namespace === streamsNamespace) this.#closeByClient()
    else if (element.namespace !== framingNamespace) this.take(element)
    else if (element.name === 'close') this.#closeByClient()
    else if (!this.session.hasEnded) this.takeOpen(element)
  }

  #closeByClient(): void {
    this.channel.answerClose()
    this.session.end('client', 'loggedOut')
  }

  #deliverAll(): void {
    const { outbox } = this.session
    while (!outbox.isEmpty && this.canDeliver) this.deliver(outbox.take('websocket', mostOfDelivery))
  }

  /** While it reads too slowly to learn of the end. A client that counts stanzas itself learns from the counts. */
  #returnToClient(element: Element): void {
    const { outbox, uplink, downlink } = this.session
    if (!outbox.isEmpty && !uplink.watch.isCounted) downlink.returnToClient([element])
    if (outbox.isFull) this.channel.pause()
  }

  /** RFC 7395 §3.5. */
  #introduced(error: string): string[] {
    const opening = this.#isOpened ? [] : [writeOpen(this.session.domain, undefined)]
    this.#isOpened = true
    return [...opening, error]
  }

  protected pace(): void {
    const { session } = this
    const mustWait = session.uplink.isBehind || session.now < session.uplink.freeAt
    if (mustWait && !this.#isHeldBack) this.channel.pause()
    if (!mustWait && this.#isHeldBack) this.channel.resume()
    this.#isHeldBack = mustWait
  }
}
