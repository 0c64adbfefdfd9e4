import type { EndReason } from '../lib/counts.js'
import type { LinkEnd, LinkEvents, LinkOptions, StreamHeader, StreamOptions } from '../xmpp/link.js'
import { streamsNamespace } from '../xmpp/namespaces.js'
import type { Element, Fate } from '../xmpp/xml/element.js'
import type { Client, Succession } from './client.js'
import { isFull } from './logins/bound-jid.js'
import type { Gate, LoginAttempts } from './logins/login-attempts.js'
import { LoginWatch, refusedLogin } from './logins/login-watch.js'
import { visibleFeatures } from './logins/visible-features.js'
import type { Payload, StanzaLimit } from './payload.js'
import type { SessionKeeper } from './session-keeper.js'
import { SessionLife } from './session-life.js'
import type { Handover, ResumedSession, SessionState, SessionView } from './sessions.js'
import { newSid } from './sid.js'
import { Ticket } from './ticket.js'
import { Uplink } from './uplink.js'

/**
 * One stream to an XMPP server and what belongs to it: the link, the outbox with what waits for the browser, the client
 * that speaks for the browser, and how the session stands: opening, waiting for its page, live or ended.
 */
export class Session extends SessionLife<Session> implements LinkEvents, Gate {
  /** The secret that its clients name it by. */
  readonly sid: string
  /** The handle that may be shown; no secret. */
  readonly id: string
  /** Of the XMPP server. */
  readonly domain: string
  readonly origin: SessionView['origin']
  readonly #createdAt: number
  /** Whether its client comes over an encrypted channel; undefined until that is known, and the same from then on. */
  #isSecure: boolean | undefined
  #jid: string | undefined = undefined
  /** What a client leaves to the next one, for its page to go on where it was; gone once anything is taken out of the outbox. */
  resumption: unknown
  /** What the rate shaper keeps of the session. */
  #paidAt = 0
  /** Stanzas that the client has taken and not given back. */
  #delivered = 0
  #ticket: Ticket | undefined = undefined
  /** The logins of a client that logs in by itself, until its JID is known. */
  #attempts: LoginAttempts | undefined
  /** The page that it was handed to last; `none` where it was handed to none. */
  #page: 'none' | 'awaited' | 'come' = 'none'

  /** `isSecure`: whether the client's channel is encrypted. It and `attempts` are undefined before a client has come. */
  constructor(
    domain: string,
    origin: SessionView['origin'],
    keeper: SessionKeeper<Session>,
    isSecure?: boolean,
    attempts?: LoginAttempts,
  ) {
    const now = keeper.clock.now()
    super(keeper, origin === 'client' ? new LoginWatch(domain, keeper, now) : undefined, now)
    const { sid, id } = newSid(keeper.processName)
    this.sid = sid
    this.id = id
    this.domain = domain
    this.origin = origin
    this.#createdAt = now
    this.#isSecure = isSecure
    this.#attempts = attempts
  }

  /** The full JID, once the server has told it; the bare JID if the client has resumed a stream whose resource is not known. */
  get jid(): string | undefined {
    return this.#jid
  }

  /** What may be known of it. */
  get view(): SessionView {
    const hasNothingOpen = this.client !== undefined && !this.client.isPresent
    const { state } = this
    return {
      id: this.id,
      domain: this.domain,
      origin: this.origin,
      transport: state === 'waiting' ? undefined : this.client?.transport,
      createdAt: this.#createdAt,
      jid: this.#jid,
      state,
      quietSince: hasNothingOpen ? this.inactivity.since : undefined,
    }
  }

  get state(): SessionState {
    if (this.outcome !== undefined) return 'ended'
    if (this.#jid === undefined || this.uplink.isOpening) return 'opening'
    return this.client?.isPresent === true ? 'held' : this.inactivity.kind
  }

  /** What is to be sent to a client over an encrypted channel must not be sent over another from then on. */
  get isSecure(): boolean {
    return this.#isSecure === true
  }

  /** Its page has come, over this kind of channel: no other may come by the same ticket. */
  learnChannel(isSecure: boolean): void {
    this.#isSecure ??= isSecure
    if (this.#ticket !== undefined) this.#await(undefined)
    if (this.#page !== 'awaited') return
    this.#page = 'come'
    this.keeper.attached(this)
  }

  /** Whether the page has come that the warm API handed the session to last; `none` if it was handed to none. */
  get page(): 'none' | 'awaited' | 'come' {
    return this.#page
  }

  /**
   * Opens the link to the XMPP server, which `events` hears, for the first client: a browser that logs in by itself, or a
   * login of this process.
   */
  begin(client: Client, options: LinkOptions, events: LinkEvents = this): void {
    this.speaker = client
    const { connect, waiting, serverMilliseconds } = this.keeper
    this.uplink = new Uplink(connect(this.domain, options, events), waiting, serverMilliseconds)
  }

  /**
   * The login of this process is done, and the session waits for its page, which `client` speaks for. Returns the token of a
   * ticket, where there are any.
   */
  handOut(
    client: Client,
    jid: string,
    undelivered: readonly Element[],
    handover: Handover,
  ): string | undefined {
    this.uplink.opened()
    this.outbox.putBack(undelivered)
    this.holdUp()
    this.#learn(jid)
    return this.#awaitPage(client, handover)
  }

  /**
   * Passes a session that is logged in from one page to another: what is open is answered, later requests of the first
   * page are refused, and what may have been lost on the way to it is delivered again, before all else. Undefined, and
   * nothing has changed, if there is no such session any more or not yet.
   */
  resume(handover: Handover): ResumedSession | undefined {
    const jid = this.#jid
    const succession = this.outcome === undefined ? this.#release() : undefined
    if (jid === undefined || succession === undefined) return undefined
    const { client, handedOut } = succession(handover)
    const token = this.#awaitPage(client, handover)
    this.keeper.resumed(this)
    return { id: this.id, jid, ...handedOut, token, delivered: this.#delivered }
  }

  /**
   * Passes it to a page that is there already, and has shown what its ticket admits: it hears the end of a session, too, and
   * what came before. False where there is no session any more.
   */
  takeOver(make: (succession: Succession) => Client): boolean {
    const succession = this.#release()
    if (succession === undefined) return false
    this.#await(undefined)
    this.speaker = make(succession)
    this.schedule()
    return true
  }

  /** The ticket by which a page may take it over, as long as it waits for one. */
  get ticket(): Ticket | undefined {
    return this.#ticket
  }

  /** A page has shown the ticket, which is good for one page, whatever becomes of that. */
  spendTicket(): void {
    this.#await(undefined)
  }

  /** Any page that comes now has to show this ticket, and no other. */
  #await(ticket: Ticket | undefined): void {
    const { tickets } = this.keeper
    if (this.#ticket !== undefined) tickets!.remove(this.#ticket)
    this.#ticket = ticket
    if (ticket !== undefined) tickets!.add(ticket, this)
  }

  #release(): Succession | undefined {
    // A page needs the full JID.
    if (this.isOver || this.#jid === undefined || !isFull(this.#jid) || this.uplink.isOpening)
      return undefined
    const succession = this.client?.release()
    if (succession !== undefined) this.#paidAt = 0
    return succession
  }

  // What the client asks of its session.

  /**
   * Takes out the oldest elements that wait for the client, as many as go into one delivery of so many UTF-16 units, but one
   * at least; none if there are none.
   */
  take(most?: number): readonly Element[] {
    this.resumption = undefined
    const elements = this.outbox.take(most)
    for (const { namespace } of elements) if (namespace === 'jabber:client') this.#delivered += 1
    this.readOn()
    return elements
  }

  /** Leaves out so many of the oldest elements that wait for the client: it has them already. */
  skip(count: number): void {
    this.outbox.skip(count)
    this.#delivered += count
    this.readOn()
  }

  /** Puts stanzas that may not have reached the client before all that wait for it. */
  putBack(stanzas: readonly Element[]): void {
    this.outbox.putBack(stanzas)
    this.#delivered -= stanzas.length
  }

  /** Longest stanza that its client may send, in bytes. */
  get stanzaLimit(): StanzaLimit {
    return this.keeper
  }

  /** When the client may send more, in milliseconds of the clock. */
  get freeAt(): number {
    return this.keeper.shaper.freeAt(this.#paidAt)
  }

  /** Whether the server has yet to take so much that the client should send no more. */
  get isBehind(): boolean {
    return this.uplink.isBehind
  }

  /** Counts what comes from the client and is not for the server, in UTF-16 units: it may send that much less. */
  charge(size: number, now: number): void {
    this.#paidAt = this.keeper.shaper.charge(this.#paidAt, size, now)
  }

  /** Sends to the server what comes from the client. What is sent while the stream is being opened waits for its features. */
  send(payload: Payload, now: number): void {
    if (payload.elements.length === 0) return
    this.charge(payload.size, now)
    if (!this.isSecure && payload.clearRefusal !== undefined) {
      this.outbox.add(payload.clearRefusal)
      return
    }
    if (this.watch === undefined) this.uplink.send(payload, now)
    else this.#sendScreened(payload, this.watch)
    if (this.uplink.isOverfull) this.loseLink()
  }

  /** Sends what the client may send while it logs in, and counts its logins. */
  #sendScreened(payload: Payload, watch: LoginWatch): void {
    const screened = watch.screen(payload.elements)
    for (const element of screened?.passed ?? []) this.#attempts?.sent(element, this)
    if (screened === undefined || this.#attempts?.areUsedUp === true) {
      this.expel(screened === undefined ? 'policy-violation' : 'refused-logins')
      return
    }
    for (const answer of screened.answers) this.outbox.add(answer)
    if (screened.passed.length > 0) this.uplink.send({ ...payload, elements: screened.passed })
    if (this.uplink.isOverfullForStranger) this.expel('policy-violation')
  }

  holdBack(): void {
    this.uplink.hold()
  }

  goOn(): void {
    this.guard(() => {
      if (!this.isLive) return
      this.uplink.letGo()
      this.client?.flush()
    })
  }

  /**
   * Opens a new stream on the same connection (RFC 6120 §4.3.3). False where that must not be: only a client that has just
   * been let in may ask for it, once, for the same domain if it says `to` which, and the server must not be in the middle
   * of an element.
   */
  restart(to: string | undefined, options: StreamOptions): boolean {
    if (!this.link.isBetweenElements || this.watch?.restart(to) !== true) return false
    this.uplink.restart(options)
    return true
  }

  /** Takes note of what an operator may want to know; never of content. */
  notice(what: string): void {
    this.keeper.log.info({ session: this.id }, what)
  }

  // What the link tells.

  onOpen(header: StreamHeader): void {
    this.client?.onOpen(header)
  }

  onElement(element: Element): void {
    if (this.#jid === undefined) {
      this.heardInLogin(element)
      this.#attempts?.received(element)
      const loggedIn = this.watch?.received(element)
      if (loggedIn !== undefined) {
        this.#learn(loggedIn.jid, loggedIn.resumed)
        // It may have been one session too many.
        if (!this.isLive) return
      }
    }
    if (this.uplink.watch.isAnswer(element, this)) return
    if (element.namespace !== 'jabber:client' && this.#jid !== undefined) {
      this.keeper.streams.note(this.domain, element, { jid: this.#jid, session: this.id })
    }
    const isFeatures = element.namespace === streamsNamespace && element.name === 'features'
    this.outbox.add(
      isFeatures ? visibleFeatures(element, this.isSecure, this.uplink.watch.isCounted) : element,
    )
    this.holdUp()
    if (isFeatures) this.uplink.opened()
    else if (this.#attempts?.areUsedUp === true) this.expel('refused-logins')
  }

  /** Takes note where the server refuses a login with this element. */
  heardInLogin(element: Element): void {
    const code = refusedLogin(element)
    if (code !== undefined) this.keeper.counts.linkFailures.add('sasl', code)
  }

  onUnfit(fate: Fate): void {
    this.keeper.unfit(this, fate)
  }

  onFlush(): void {
    this.uplink.watch.heard()
    if (!this.outbox.isEmpty) this.client?.flush()
  }

  onDrain(): void {
    this.client?.flush()
  }

  onEnd({ failure, streamError }: LinkEnd): void {
    this.guard(() => {
      if (failure.code === 'internal-error') {
        this.collapse(failure.cause)
        return
      }
      if (this.#jid === undefined) this.keeper.counts.linkFailures.add(failure.step, failure.code)
      const told = failure.condition === 'conflict' ? 'replaced' : 'stream-error'
      this.finish({ reason: streamError === undefined ? 'connection-lost' : told, streamError })
    })
  }

  /** The client is logged in as the user of this JID. */
  #learn(jid: string, resumed?: string): void {
    this.watch = undefined
    this.#attempts = undefined
    this.#jid = jid
    this.keeper.loggedIn(this, resumed)
  }

  /**
   * From now on `client` speaks for the session's page, which has so long for its first request. Returns the token of a ticket
   * for it; a session that is to answer one browser only has none.
   */
  #awaitPage(client: Client, { seconds, attachBinding }: Handover): string | undefined {
    const now = this.keeper.clock.now()
    this.#page = 'awaited'
    this.speaker = client
    this.inactivity.allow('waiting', seconds)
    this.inactivity.begin(now)
    this.schedule()
    const isForAny = this.keeper.tickets !== undefined && attachBinding === 'off'
    const fresh = isForAny ? Ticket.fresh(seconds, now, this.keeper.processName) : undefined
    this.#await(fresh?.ticket)
    return fresh?.token
  }

  protected override closeDoor(): void {
    this.#await(undefined)
    this.#attempts?.close()
  }

  protected override finished(): void {
    this.keeper.finished(this)
  }

  protected override ended(reason: EndReason): void {
    const isLogin = this.origin === 'warmed' && this.#jid === undefined
    this.keeper.ended(this, isLogin ? 'login' : reason)
  }

  protected override broke(cause: unknown): void {
    this.keeper.broke(this, cause)
  }
}
