import { randomInt } from 'node:crypto'
import type { Client, NextPage, Outcome } from '../../session/client.js'
import { inspect, type Payload } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import type { Handover } from '../../session/session-types.js'
import type { StreamHeader } from '../../xmpp/link.js'
import { readElement } from '../../xmpp/xml/document.js'
import { isStanza } from '../../xmpp/xml/element.js'
import { AttachCookie } from './attach-cookie.js'
import { type Body, emptyBody, parseBody, writeTerminate } from './body.js'
import { CatchUp } from './catch-up.js'
import { type BoshParts, conditionFor, Delivery, type NextPageRecord, type Start } from './delivery.js'
import type { OpenRequests, Pending } from './open-requests.js'
import { busyAnswer, noAnswer, type Peer, type Reply } from './peer.js'
import { type Fault, faults, isExtra, RequestRules } from './request-rules.js'
import type { RidWindow, StoredReply } from './rid-window.js'
import { defaultContentType, heldUntil, maxPause, sessionTerms, type Terms } from './terms.js'

const createSeconds = 5
const gapSeconds = 30
/** Characters of parked requests. */
const mostBeforeLogin = 16 * 1024
/** An earlier page cannot guess the rids of the page after it. */
const leastRidJump = 2 ** 36

/** XEP-0124 §17.2. */
const notFound: Reply = { status: 200, body: writeTerminate('item-not-found'), contentType: defaultContentType }

export type BoshRecord = NonNullable<ReturnType<BoshClient['setDown']>> & { readonly isKept?: boolean }

/** XEP-0124 §8-§14. */
export class BoshClient implements Client {
  readonly transport = 'bosh'
  readonly session: Session
  address: string | undefined = undefined
  readonly #parts: BoshParts
  readonly #terms: Terms
  readonly #cookie: AttachCookie | undefined
  readonly #delivery: Delivery
  readonly #open: OpenRequests
  readonly #window: RidWindow
  readonly #rules: RequestRules
  readonly #catchUp: CatchUp

  constructor(session: Session, parts: BoshParts, start: Start) {
    this.session = session
    this.#parts = parts
    this.#terms = start.terms
    this.#cookie = start.cookie
    this.#delivery = new Delivery(session, parts, start)
    this.#open = this.#delivery.open
    this.#window = this.#delivery.window
    this.#rules = new RequestRules(start.terms, start.newkey)
    this.#catchUp = new CatchUp(session, this.#delivery)
  }

  static forPage(
    session: Session,
    parts: BoshParts,
    terms: Terms,
    { seconds, attachBinding: mode }: Handover,
    rid: number,
    received?: number,
  ) {
    const longestGap = terms.wait + Math.max(seconds, terms.inactivity, maxPause)
    const { id, domain, sid } = session
    const cookie =
      mode === 'off' ? undefined : AttachCookie.forPage(id, mode, longestGap, parts.cookies(domain), session.now)
    const by = received === undefined ? 'handed-out' : 'resumed'
    const client = new BoshClient(session, parts, { terms, rid, newkey: undefined, cookie, by, received })
    const binding = { rid: rid + 1, received, ...sessionTerms(sid, terms), cookie: cookie?.forPage }
    return { client, binding }
  }

  static next(session: Session, parts: BoshParts, record: NextPageRecord): NextPage {
    const { terms, rid, received } = record
    return { record, make: handover => BoshClient.forPage(session, parts, terms, handover, rid, received) }
  }

  static takeUp(session: Session, parts: BoshParts, before: BoshRecord): BoshClient {
    const { terms, address, window, cookie } = before
    const client = new BoshClient(session, parts, {
      terms,
      rid: window.last,
      newkey: undefined,
      cookie: cookie && AttachCookie.of(session.id, cookie, parts.cookies(session.domain), session.now),
      by: 'handed-out',
    })
    client.address = address
    client.#window.takeUp(window, before.isKept)
    session.outbox.setClientBytes(client.#window.bytes)
    return client
  }

  onOpen(header: StreamHeader): void {
    this.#delivery.onOpen(header)
  }

  get isPresent(): boolean {
    return this.session.hasEnded ? this.#open.oldestLive !== undefined : this.#open.hasLive
  }

  get unconfirmed(): number {
    return this.#window.uncertainStanzas
  }

  get onKept() {
    return this.#delivery.onKept
  }

  get held(): readonly Pending[] {
    return this.#open.held
  }

  get deadline(): number {
    const turn = this.#hasParkedNext ? this.session.uplink.freeAt : Number.POSITIVE_INFINITY
    return Math.min(turn, this.#open.nextExpiry, this.#catchUp.at)
  }

  create(body: Body, payload: Payload, peer: Peer): void {
    const pending = this.#received(this.#window.last, undefined, body.digest, peer)
    pending.expires = pending.since + Math.min(this.#terms.wait, createSeconds) * 1000
    this.session.inactivity.allow(this.#terms.inactivity)
    this.#open.hold(pending)
    this.session.send(payload, pending.since)
    if (this.session.hasEnded) this.session.flush()
    this.session.schedule()
  }

  handle(body: Body, peer: Peer): void {
    this.#take(body, peer)
    this.session.schedule()
  }

  #take(body: Body, peer: Peer): void {
    const { rid } = body
    const refusal = this.#refusal(rid, peer)
    if (this.session.uplink.isDoubted) {
      if (refusal === undefined) this.#delivery.beginInactivity()
      return void peer.answer(noAnswer)
    }
    if (refusal !== undefined) {
      this.#parts.common.counts.failedRequests += 1
      return void peer.answer(refusal)
    }
    if (rid === undefined || Number.isNaN(rid) || Number.isNaN(body.ack) || body.restart === undefined)
      return void peer.answer(this.#fault(faults.attribute))
    switch (this.#window.place(rid, isExtra(body) ? 1 : 0)) {
      case 'next': {
        this.#catchUp.next()
        const pending = this.#received(rid, body.key, body.digest, peer)
        if (pending.since < this.session.uplink.freeAt || this.#hasParkedNext) return void this.#park(pending, body)
        this.#accept(pending, body)
        this.#acceptParked(pending.since)
        return void this.session.flush()
      }
      case 'early':
        this.#park(this.#received(rid, body.key, body.digest, peer), body)
        this.#catchUp.early()
        if (this.session.hasEnded) this.session.flush()
        return
      case 'repeated':
        return void this.#repeat(rid, body, peer)
      case 'outside':
        return void peer.answer(this.#fault(faults.ridTooHigh))
    }
  }

  handleTooLarge(rid: number | undefined, peer: Pick<Peer, 'secure' | 'cookies'>): Reply {
    return this.#refusal(rid, peer) ?? (this.session.uplink.isDoubted ? noAnswer : this.#fault(faults.tooLarge))
  }

  tick(now: number): void {
    this.#catchUp.tick(now)
    if (this.#hasParkedNext) {
      this.#acceptParked(now)
      this.session.flush()
      if (this.session.isRemoved) return
    }
    if (!this.session.uplink.isDoubted) this.#delivery.answerExpired(now)
  }

  flush(): void {
    this.#delivery.deliver()
    // While the server reads too slowly, replies would only cause more requests.
    if (!this.session.uplink.isBehind) this.#delivery.answerExcess()
  }

  /** XEP-0124 §17.2. */
  reportEnd({ reason, streamError }: Outcome): boolean {
    this.#delivery.deliver()
    const pending = this.#open.oldestLive ?? this.#open.oldestParked
    // Clients ignore stanzas in a terminating reply, so the outbox must be empty first.
    if (pending === undefined || !this.session.outbox.isEmpty || this.#delivery.delaysEnd) {
      this.#delivery.answerExcess()
      return false
    }
    if (pending.parked === undefined) this.#open.take(pending)
    else this.#open.unpark(pending.rid)
    pending.peer.answer(this.#delivery.terminate(conditionFor(reason, this.session.jid !== undefined), streamError))
    if (reason !== 'shutdown') this.#parts.common.counts.failedRequests += 1
    return true
  }

  close(notice?: 'end' | 'return' | 'fault'): void {
    // XEP-0124 §13.
    if (notice === 'end' && this.#open.oldestLive !== undefined)
      this.#open.take(this.#open.oldestLive).peer.answer(this.#delivery.terminate(undefined))
    this.#open.answerAll(
      notice === 'fault' ? this.#delivery.terminate('internal-server-error') : this.#delivery.wrap(emptyBody),
    )
  }

  handOver(): NextPage | undefined {
    this.#catchUp.tick(Number.POSITIVE_INFINITY)
    this.#acceptParked(Number.POSITIVE_INFINITY)
    if (this.session.isRemoved) return undefined
    const window = this.#window
    const jump = randomInt(leastRidJump, 2 * leastRidJump)
    if (window.last >= Number.MAX_SAFE_INTEGER - jump) return undefined
    // A pause in an ended session is not noted.
    const unacknowledged = window.unacknowledged(this.session.inactivity.isPaused || this.session.hasEnded)
    this.#open.answerParked(noAnswer)
    this.close()
    this.#putBack(unacknowledged)
    const record = { terms: this.#terms, rid: window.last + jump, received: window.received }
    return BoshClient.next(this.session, this.#parts, record)
  }

  /** Contains secrets. Omits keys and acknowledgements, which only clients with their own login use. */
  setDown(now: number) {
    this.#acceptParked(Number.POSITIVE_INFINITY)
    if (this.session.hasEnded) return undefined
    this.#delivery.answerAll()
    this.#open.answerAll(noAnswer)
    return this.#record(now)
  }

  cede(): void {
    this.#delivery.cede(this.isPresent)
  }

  /** The server has the stanzas of all replies that may be lost. */
  keep(now: number) {
    this.#delivery.keeping()
    const record = this.#record(now)
    return { client: { ...record, window: { ...record.window, replies: [] }, isKept: true } satisfies BoshRecord }
  }

  #record(now: number) {
    return { terms: this.#terms, address: this.address, window: this.#window.record, cookie: this.#cookie?.record(now) }
  }

  putBackUnconfirmed(): void {
    this.#putBack(this.#window.uncertain)
  }

  #putBack(replies: readonly StoredReply[]): void {
    const elements = replies.flatMap(({ text }) => readElement(text).children)
    this.session.outbox.putBack(elements.filter(({ namespace }) => namespace === 'jabber:client'))
  }

  #refusal(rid: number | undefined, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined {
    // A sid in plain HTTP may be stolen (XEP-0124 §19.1).
    if (this.session.isSecure && !peer.secure) {
      this.session.notice('a request without TLS got no answer: its session was used over TLS')
      return noAnswer
    }
    if (this.#cookie?.admits(peer.cookies) === false) return notFound
    return rid !== undefined && this.#window.isFenced(rid) ? this.#delivery.terminate('item-not-found') : undefined
  }

  /** Every `Pending` is made here, so that V8 uses one shape. */
  #received(rid: number, key: string | undefined, digest: string, peer: Peer): Pending {
    const since = this.session.now
    const expires = heldUntil(this.#terms, since)
    return { rid, peer, key, digest, repeats: 0, since, expires, parked: undefined }
  }

  #accept(pending: Pending, body: Body): void {
    const session = this.session
    if (this.#window.hasAcks) {
      this.#window.acknowledge(body.ack ?? pending.rid - 1)
      session.outbox.setClientBytes(this.#window.bytes)
    }
    const isLastAgain = pending.rid === this.#window.last
    this.#window.accept(pending.rid, this.#isPoll(body))
    if (isLastAgain && body.payload.some(isStanza) && session.keeper.keeps(session)) this.#delivery.awaitRecord()
    session.inactivity.allow(this.#terms.inactivity)
    session.attach(pending.peer.secure, pending.peer)
    this.address ??= pending.peer.address
    this.#open.hold(pending)
    if (session.hasEnded) {
      // While the outbox has stanzas, the client cannot learn of the end. Each stanza of this request gets an error.
      if (!session.outbox.isEmpty) session.downlink.returnToClient(body.payload)
      return
    }
    // Requests of closed connections must not count as unanswered.
    while (this.#open.held.length > this.#terms.requests && this.#open.held[0]!.peer.gone) this.#delivery.answerOldest()
    const now = this.session.now
    const payload = inspect(body.payload, session.keeper.common)
    const { held } = this.#open
    const fault = this.#rules.broken(body, payload, now, held.length, this.#delivery.hadPayload) ?? this.#restart(body)
    if (fault !== undefined) {
      this.#open.take(pending).peer.answer(this.#fault(fault))
    } else if (body.terminate) {
      session.send(payload, now)
      session.end('client', 'loggedOut')
    } else if (body.restart !== true) {
      session.send(payload, now)
      if (body.pause !== undefined) session.pause(body.pause)
      // XEP-0124 §10.
      if (body.pause !== undefined || this.#cookie?.isNew === true) this.#delivery.answerSoon()
    }
  }

  /** A poll proves that all replies have arrived. If `hold` is above 1, another reply may be on its way. */
  #isPoll({ payload, pause, terminate }: Body): boolean {
    const isEmpty = payload.length === 0 && pause === undefined && !terminate
    return isEmpty && this.#terms.hold <= 1 && this.#open.held.length === 0
  }

  /** XEP-0206 §5. */
  #restart({ restart, terminate, to, lang, from }: Body): Fault | undefined {
    return restart !== true || terminate || this.session.restart(to, { lang, from }) ? undefined : faults.restart
  }

  get #hasParkedNext(): boolean {
    return this.#open.parked(this.#window.last + 1) !== undefined
  }

  #acceptParked(now: number): void {
    while (now >= this.session.uplink.freeAt) {
      const pending = this.#open.unpark(this.#window.last + 1)
      if (pending === undefined) return
      const body = parseBody(pending.parked!.text)
      pending.parked = undefined
      pending.expires = heldUntil(this.#terms, pending.since)
      this.#accept(pending, body)
    }
  }

  #park(pending: Pending, body: Body): void {
    const { peer, since } = pending
    const older = this.#open.parked(pending.rid)
    const fault = older && this.#rules.brokenByRepeat(older, body)
    if (fault !== undefined) return void peer.answer(this.#fault(fault))
    if (older && older.digest !== body.digest) return void peer.answer(this.#delivery.refuse(faults.ridTaken))
    const most = this.session.jid === undefined ? mostBeforeLogin : Number.POSITIVE_INFINITY
    if (older !== undefined) {
      pending.repeats = older.repeats + 1
      pending.since = older.since
    }
    pending.expires = pending.since + Math.min(this.#terms.wait, gapSeconds) * 1000
    if (this.#open.park(pending, body.text, most)) {
      if (older !== undefined) this.#delivery.replace(older.peer, peer)
    } else {
      this.#parts.common.counts.failedRequests += 1
      peer.answer(busyAnswer)
      this.#delivery.beginInactivity(since)
    }
  }

  /** XEP-0124 §14.3. */
  #repeat(rid: number, body: Body, peer: Peer): void {
    const stored = this.#window.replyTo(rid)
    const held = stored === undefined ? this.#open.held.find(pending => pending.rid === rid) : undefined
    const before = stored ?? held
    if (before === undefined && this.#window.isUnrecorded(rid)) {
      const pending = this.#received(rid, body.key, body.digest, peer)
      this.#open.hold(pending)
      const refusal = this.#window.isInGap(rid) ? this.#catchUp.late(body) : undefined
      if (refusal !== undefined) return void this.#open.take(pending).peer.answer(this.#fault(refusal))
      if (rid < this.#window.last && !this.session.isRemoved) this.#delivery.answerOldest(true)
      return void this.session.flush()
    }
    if (before === undefined) return void peer.answer(peer.mayBeLate === true ? noAnswer : this.#tooOld())
    const fault = this.#rules.brokenByRepeat(before, body)
    if (fault !== undefined) return void peer.answer(this.#fault(fault))
    const isSame = before.digest === body.digest
    if (!isSame && body.payload.length > 0) return void peer.answer(this.#delivery.refuse(faults.ridTaken))
    if (!isSame) this.session.notice('a repeated request has another content')
    if (stored !== undefined) return void this.#delivery.replay(stored, peer, isSame)
    this.#delivery.replace(this.#open.renew(held!, peer), peer)
    this.session.flush()
  }

  /** If its client has gone on, a proxy or a copy of the tab has sent the request: it must not end the session. */
  #tooOld(): Reply {
    const hasGoneOn = this.#window.hasAcks || this.#open.hasLive
    return hasGoneOn ? this.#delivery.refuse(faults.ridTooOld) : this.#fault(faults.ridTooOld)
  }

  #fault(fault: Fault): Reply {
    const reply = this.#delivery.refuse(fault, 'ended its session')
    this.#open.answerAll(this.#delivery.terminate('other-request'))
    this.session.end(fault[0], 'silent')
    return reply
  }
}
