import type { WebSocketCut } from '../../lib/counts.js'
import type { AwayRecord, NextPage } from '../../session/client.js'
import { Unconfirmed } from '../../session/link/unconfirmed.js'
import type { Session } from '../../session/session.js'
import { isOfSasl, smNamespace } from '../../xmpp/namespaces.js'
import { countRequest, readCount, writeFailed } from '../../xmpp/stanza-counts.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import { type Element, isStanza } from '../../xmpp/xml/element.js'
import { withoutAttribute } from '../../xmpp/xml/root-reader.js'
import { closeCodes, type SocketChannel } from './socket-channel.js'
import { StreamManagement } from './stream-management.js'
import type { StreamParts } from './stream-start.js'
import { restart, WebSocketClient } from './websocket-client.js'

/** The first delivery waits this long for `<enable/>`. */
const enableMilliseconds = 1_000
const answerMilliseconds = 1_000
/** A record of the session is stored before the answer. */
const keptMilliseconds = 3_000
/** Pause between pings, unless `#unconfirmed` is full: a ping for each stanza would take a third of the CPU time. */
const probeMilliseconds = 100

export class PageClient extends WebSocketClient {
  readonly #resumeSeconds: number
  readonly #next: NextPage
  /** Undefined before `<enable/>`. */
  #management: StreamManagement | undefined
  readonly #unconfirmed = new Unconfirmed()
  #hasSpoken: boolean
  /** Deliveries begin at this time, or with the page's first message. Infinite after the beginning. */
  #beginAt: number
  #isSettling = false
  #mayProbeAt = 0
  /** Deadline of the answer to the page's `<r/>`. */
  #answerBy = Number.POSITIVE_INFINITY
  /** Stanzas of the page that a stored record counts, and the record that is being stored. */
  #kept: number
  #keeping: number | undefined
  #keepingStream: string | undefined
  /** Deadline of `<enabled/>`, which promises the page that it can resume its stream. */
  #enableBy = Number.POSITIVE_INFINITY

  constructor(
    session: Session,
    channel: SocketChannel,
    { config }: StreamParts,
    next: NextPage,
    management: StreamManagement | undefined,
  ) {
    super(session, channel, true)
    this.#resumeSeconds = config.websocket.resumeSeconds
    this.#next = next
    this.#management = management
    this.#hasSpoken = management !== undefined
    this.#kept = session.keeper.keeps(session) ? 0 : Number.POSITIVE_INFINITY
    this.#beginAt = this.#hasSpoken ? Number.POSITIVE_INFINITY : session.now + enableMilliseconds
    session.attach(channel.client.secure, channel.client)
    session.inactivity.allow(this.#resumeSeconds)
    session.outbox.resumption = undefined
    session.outbox.setClientBytes(0)
  }

  get #mayAnswer(): boolean {
    return this.#unsure === 0 && this.#kept >= (this.#management?.received ?? 0)
  }

  override get unconfirmed(): number {
    return this.#unconfirmed.stanzas.length + (this.#management?.unacknowledged.stanzas.length ?? 0)
  }

  override get deadline(): number {
    const isToProbe = this.channel.isProbed && this.#unconfirmed.isUnasked
    const probe = isToProbe ? this.#mayProbeAt : Number.POSITIVE_INFINITY
    return Math.min(super.deadline, this.#beginAt, probe, this.#answerBy, this.#enableBy)
  }

  override flush(): void {
    if (this.#answerBy !== Number.POSITIVE_INFINITY && this.#mayAnswer) this.#answer()
    super.flush()
  }

  override tick(now: number): void {
    if (now >= this.#enableBy) {
      this.#enable()
      this.session.flush()
    }
    if (now >= this.#answerBy) this.#answer()
    if (now >= this.#beginAt) this.#begin()
    this.#probe()
    super.tick(now)
  }

  handOver(): NextPage {
    this.endWith('conflict')
    this.putBackUnconfirmed()
    return this.#next
  }

  putBackUnconfirmed(): void {
    const uncounted = this.#unconfirmed.clear()
    const resumption = this.#management?.resumption(uncounted.length)
    if (resumption === undefined && uncounted.length === 0) return
    const unacknowledged = this.#management?.unacknowledged.stanzas ?? []
    this.#management = undefined
    this.#enableBy = Number.POSITIVE_INFINITY
    this.#countMemory()
    this.session.outbox.putBack([...uncounted, ...unacknowledged])
    this.session.outbox.resumption = resumption && {
      ...resumption,
      recorded: Math.min(resumption.received, this.#kept),
    }
  }

  stopDeliveries(): boolean {
    this.#isSettling = true
    return this.unconfirmed > 0
  }

  cede(): void {
    this.channel.drop(closeCodes.restart)
  }

  setDown(): AwayRecord {
    this.cede()
    return { isAway: true, next: this.#next.record }
  }

  onKept(isStored: boolean): void {
    this.#kept = isStored ? (this.#keeping ?? 0) : Number.POSITIVE_INFINITY
    if (!isStored || this.#keepingStream === this.#management?.id) this.#enable()
    this.flush()
  }

  keep() {
    const covered = this.#management?.covered ?? 0
    // From the first record on, the page is told of no stanza that is in none.
    if (this.#keeping === undefined) this.#kept = Math.min(this.#kept, covered)
    this.#keeping = covered
    this.#keepingStream = this.#management?.id
    const client: AwayRecord = { isAway: true, next: this.#next.record }
    const resumption = this.#management?.resumption(this.#unconfirmed.stanzas.length)
    return { client, resumption: resumption && { ...resumption, isKept: true } }
  }

  protected override get canDeliver(): boolean {
    if (!super.canDeliver) return false
    if (this.session.hasEnded) return true
    const isHeld = this.#beginAt !== Number.POSITIVE_INFINITY || this.#enableBy !== Number.POSITIVE_INFINITY
    return !isHeld && !this.#isSettling && this.#management?.unacknowledged.isFull !== true && !this.#unconfirmed.isFull
  }

  protected override deliver(elements: readonly Element[]): void {
    super.deliver(elements)
    if (this.#management !== undefined) {
      this.#management.unacknowledged.sent(elements)
      this.#ask()
    } else if (this.channel.isProbed || !this.#hasSpoken) {
      this.#unconfirmed.sent(elements)
      this.#probe()
    }
    this.#countMemory()
  }

  onArrived(): void {
    this.session.run(() => {
      const wasFull = this.#unconfirmed.isFull
      this.#unconfirmed.arrived()
      this.#countMemory()
      this.#probe()
      if (wasFull) this.session.flush()
    })
  }

  protected override take(element: Element): void {
    const isFirst = !this.#hasSpoken
    this.#hasSpoken = true
    // Without pings, only a message proves that stanzas have arrived.
    if (isFirst && !this.channel.isProbed) {
      this.#unconfirmed.clear()
      this.#countMemory()
    }
    this.#handle(element)
    if (isFirst && !this.session.isRemoved) this.#begin()
  }

  #handle(element: Element): void {
    const { namespace } = element
    if (namespace === smNamespace) this.#takeManagement(element)
    else if (isOfSasl(namespace)) this.refuse('policy-violation', 'a session has one login')
    else {
      const own = namespace === 'jabber:client' ? this.#fromItself(element) : element
      if (isStanza(own) && this.#management?.took(own) === true) {
        this.session.uplink.charge(Buffer.byteLength(element.text), this.session.now)
        this.pace()
      } else this.pass(own)
    }
  }

  protected override takeOpen(): void {
    this.refuse('policy-violation', restart)
  }

  protected override gone(cut: WebSocketCut | undefined): void {
    if (cut !== undefined) {
      this.session.keeper.common.log.pageLost(this.session, cut)
      this.putBackUnconfirmed()
      this.session.inactivity.begin(this.session.now)
      if (this.session.hasEnded) this.session.flush()
    } else if (this.session.client === this) this.session.end('client', 'silent')
  }

  #begin(): void {
    this.#beginAt = Number.POSITIVE_INFINITY
    this.session.flush()
  }

  #countMemory(): void {
    this.session.outbox.setClientBytes(this.#unconfirmed.bytes + (this.#management?.unacknowledged.bytes ?? 0))
  }

  #probe(): void {
    if (!this.channel.isProbed || !this.#unconfirmed.isUnasked) return
    const now = this.session.now
    if (now < this.#mayProbeAt && !this.#unconfirmed.isFull) return
    this.#mayProbeAt = now + probeMilliseconds
    this.#unconfirmed.asks()
    this.channel.probe()
  }

  #enable(): void {
    if (this.#enableBy === Number.POSITIVE_INFINITY) return
    this.#enableBy = Number.POSITIVE_INFINITY
    this.channel.send(this.#management!.enabled(this.#resumeSeconds))
  }

  #ask(): void {
    if (this.#management?.unacknowledged.asks() === true) this.channel.send(countRequest)
  }

  #takeManagement({ name, text }: Element): void {
    const management = this.#management
    if (text.length > longestManagement) return void this.refuse('policy-violation', shortManagement)
    this.session.uplink.charge(Buffer.byteLength(text), this.session.now)
    if (name === 'enable' && management === undefined) {
      this.#management = new StreamManagement()
      this.#enableBy = this.session.now + keptMilliseconds
      if (this.#kept === Number.POSITIVE_INFINITY) this.#enable()
      else this.session.keeper.kept?.keepNow(this.session)
    } else if (name === 'r' && management !== undefined) this.#takeRequest()
    else if (name === 'a' && management !== undefined) {
      const count = readCount(startTagOf(text).attribute('h'))
      const progress = count === undefined ? undefined : management.acknowledge(count)
      if (progress === undefined)
        this.refuse('undefined-condition', countRule, count === undefined ? count : management.tooHigh(count))
      else {
        this.#countMemory()
        this.session.flush()
        if (progress > 0) this.#ask()
      }
    } else this.channel.send(writeFailed('unexpected-request'))
    if (!this.session.hasEnded) this.pace()
  }

  /** The page forgets the stanzas that an answer counts, so the server must have confirmed them before. */
  #takeRequest(): void {
    if (this.#mayAnswer) this.#answer()
    else {
      this.session.uplink.managed?.ask()
      const longest = this.#kept === Number.POSITIVE_INFINITY ? answerMilliseconds : keptMilliseconds
      this.#answerBy = Math.min(this.#answerBy, this.session.now + longest)
    }
  }

  get #unsure(): number {
    return this.session.uplink.managed?.unconfirmed.length ?? 0
  }

  #answer(): void {
    this.#answerBy = Number.POSITIVE_INFINITY
    if (this.#management !== undefined) this.channel.send(this.#management.answer(this.#unsure, this.#kept))
  }

  /** Removes a wrong `from`, because a resumed page may write its old resource. */
  #fromItself(element: Element): Element {
    const from = startTagOf(element.text).attribute('from')
    if (from === undefined || from === this.session.jid) return element
    return { ...element, text: withoutAttribute(element.text, 'from') }
  }
}

const longestManagement = 1024
const shortManagement = `an element of stream management has at most ${longestManagement} characters`
const countRule = 'a page confirms only stanzas that it got (XEP-0198)'
