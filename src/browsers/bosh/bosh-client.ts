import { randomInt } from 'node:crypto'
import type { Client, Outcome, Succession, Successor } from '../../session/client.js'
import { inspect, type Payload } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import type { Handover } from '../../session/sessions.js'
import { readElement } from '../../xmpp/xml/document.js'
import { AttachCookie } from './attach-cookie.js'
import { type Body, emptyBody, errorBody, parseBody, writeTerminate } from './body.js'
import { type BoshParts, conditionOf, Delivery, type Start } from './delivery.js'
import type { Pending } from './open-requests.js'
import type { Peer, Reply } from './peer.js'
import { type Fault, isExtra, Rules } from './rules.js'
import { announced, defaultContentType, type Terms } from './terms.js'
import type { StoredReply } from './window.js'

/** Longest time for features before the creation request is answered without them, in seconds. */
const createSeconds = 5
/** Longest time that a request waits for the one before it, in seconds. */
const gapSeconds = 30
/** Longest text of all requests of a session that wait for their turn before its user is logged in, in UTF-16 units. */
const mostBeforeLogin = 16 * 1024
/** Memory of a waiting request beside its text, in bytes. */
const parkedBytes = 1024
/** How far rids jump at least when another page takes the session over; never twice as far. */
const leastJump = 2 ** 20

/** Closes the connection: what came over it is not to be trusted with an answer. */
const noAnswer: Reply = { status: 0, body: '', contentType: '' }

/** What is said of a session that belongs to another browser, as of one that does not exist (XEP-0124 §17.2). */
const notFound: Reply = {
  status: 200,
  body: writeTerminate('item-not-found'),
  contentType: defaultContentType,
}

/**
 * The client of a session over BOSH: keeps the order of its requests, holds them, and passes payloads both ways
 * (XEP-0124 §8-§14). All requests come through `create` and `handle`.
 */
export class BoshClient extends Delivery implements Client {
  readonly transport = 'bosh'
  address: string | undefined = undefined
  readonly #rules: Rules

  constructor(session: Session, parts: BoshParts, start: Start) {
    super(session, parts, start)
    this.#rules = new Rules(start.terms, start.newkey)
  }

  /**
   * The client of a page that is handed a session by its backend, and what the page goes on with: the rid after `rid`, and the
   * last one that was `received` from the page before, if there was one.
   */
  static forPage(
    session: Session,
    parts: BoshParts,
    terms: Terms,
    { seconds, attachBinding: mode }: Handover,
    rid: number,
    received?: number,
  ): Successor {
    const longestGap = terms.wait + Math.max(seconds, terms.inactivity, terms.maxPause)
    const { id, domain, sid } = session
    const cookie =
      mode === 'off'
        ? undefined
        : new AttachCookie(id, mode, longestGap, parts.cookies(domain), parts.clock.now())
    const by = received === undefined ? 'handed-out' : 'resumed'
    const client = new BoshClient(session, parts, { terms, rid, newkey: undefined, cookie, by })
    const handedOut = { rid: rid + 1, received, ...announced(sid, terms), cookie: cookie?.handedOut }
    return { client, handedOut }
  }

  get isPresent(): boolean {
    return this.open.hasLive
  }

  /** Requests that are held, the oldest first. */
  get held(): readonly Pending[] {
    return this.open.held
  }

  get deadline(): number {
    const turn = this.#hasTurn ? this.session.freeAt : Number.POSITIVE_INFINITY
    return Math.min(turn, this.open.nextExpiry)
  }

  /** Answers the creation request; its payload goes to the server once the stream is open. */
  create(body: Body, payload: Payload, peer: Peer): void {
    const pending = this.#received(this.window.last, undefined, body.digest, peer)
    pending.expires = pending.since + Math.min(this.terms.wait, createSeconds) * 1000
    this.session.inactivity.allow('quiet', this.terms.inactivity)
    this.open.hold(pending)
    this.session.send(payload, pending.since)
    // A link that could not even be dialled may have ended before.
    if (this.session.outcome !== undefined) this.flush()
    else if (peer.gone) this.requestBroken()
    else this.session.schedule()
  }

  /** Answers a later request. */
  handle(body: Body, peer: Peer): void {
    const { rid } = body
    const refusal = this.#refusal(rid, peer)
    if (refusal !== undefined) {
      this.parts.counts.failedRequests += 1
      peer.answer(refusal)
      return
    }
    if (rid === undefined || Number.isNaN(rid) || Number.isNaN(body.ack) || body.restart === undefined) {
      peer.answer(this.#fault('bad-request'))
      return
    }
    switch (this.window.place(rid, isExtra(body) ? 1 : 0)) {
      case 'next': {
        const pending = this.#received(rid, body.key, body.digest, peer)
        if (pending.since < this.session.freeAt || this.#hasTurn) {
          this.#park(pending, body)
          return
        }
        this.#accept(pending, body)
        this.#acceptParked(pending.since)
        this.flush()
        return
      }
      case 'early':
        this.#park(this.#received(rid, body.key, body.digest, peer), body)
        return
      case 'repeated':
        this.#repeat(rid, body, peer)
        return
      case 'outside':
        peer.answer(this.#fault('item-not-found'))
    }
  }

  /** Answers a request that is too large to be read. Its rid is undefined where it does not begin with it. */
  handleTooLarge(rid: number | undefined, peer: Pick<Peer, 'secure' | 'cookies'>): Reply {
    return this.#refusal(rid, peer) ?? this.#fault('policy-violation')
  }

  tick(now: number): void {
    if (this.#hasTurn) {
      this.#acceptParked(now)
      this.flush()
      if (this.session.isOver) return
    }
    this.answerExpired(now)
  }

  /** Answers every request that need not wait any longer. */
  flush(): void {
    const session = this.session
    if (session.isOver) return
    this.deliver()
    const { outcome } = session
    if (outcome !== undefined) {
      this.#tell(outcome)
      if (session.isOver) return
    }
    const hold = this.#mostHeld
    const { held } = this.open
    if (held.length > hold) {
      // While the stream is being opened its features are what the client waits for. And a client that had answers while
      // the server takes nothing would only send more.
      const isBehind = session.isBehind && outcome === undefined
      while (!isBehind && held.length > hold) this.answerOldest()
    }
    session.schedule()
  }

  /** Tells the oldest request that is heard; the others get nothing (XEP-0124 §13). */
  dismiss(): void {
    if (this.open.oldestLive !== undefined)
      this.open.take(this.open.oldestLive).peer.answer(this.terminate(undefined))
  }

  close(): void {
    this.#answerAll(this.wrap(emptyBody))
  }

  fail(): void {
    this.#answerAll(this.terminate('internal-server-error'))
  }

  release(): Succession | undefined {
    // What waits for nothing but its turn has been received, and its page will not send it again.
    this.#acceptParked(Number.POSITIVE_INFINITY)
    if (this.session.isOver) return undefined
    const { window } = this
    const jump = randomInt(leastJump, 2 * leastJump)
    if (window.last >= Number.MAX_SAFE_INTEGER - jump) return undefined
    const unacknowledged = window.unacknowledged(this.session.inactivity.kind === 'paused')
    this.close()
    this.#putBack(unacknowledged)
    // Keys and acknowledgements were agreed on with the page before; the next one knows of neither.
    return handover =>
      BoshClient.forPage(this.session, this.parts, this.terms, handover, window.last + jump, window.last)
  }

  giveBack(): void {
    // A client that polls confirms its last reply only with its next poll, and may have left before that.
    if (!this.terms.isPolling) this.#putBack(this.window.unconfirmed)
  }

  /** Puts the stanzas of these replies back to the front of the outbox. */
  #putBack(replies: readonly StoredReply[]): void {
    const elements = replies.flatMap(({ text }) => readElement(text).children)
    // What belongs to the stream is left out.
    this.session.putBack(elements.filter(({ namespace }) => namespace === 'jabber:client'))
  }

  /** The reply to a request that is not the browser's; the session ignores it. Undefined if it may be the browser's. */
  #refusal(rid: number | undefined, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined {
    // An eavesdropper may have the sid; the session lives on for its browser (XEP-0124 §19.1).
    if (this.session.isSecure && !peer.secure) return noAnswer
    if (this.cookie?.admits(peer.cookies) === false) return notFound
    const isFenced = rid !== undefined && this.window.isFenced(rid)
    return isFenced ? this.terminate('item-not-found') : undefined
  }

  /** A request as it comes. Written out here alone: V8 gives all that are made so the same shape. */
  #received(rid: number, key: string | undefined, digest: string, peer: Peer): Pending {
    const since = this.parts.clock.now()
    const expires = this.#expiry(since)
    return { rid, peer, key, digest, repeats: 0, since, expires, parked: undefined, report: '' }
  }

  #accept(pending: Pending, body: Body): void {
    const session = this.session
    const { open, window } = this
    if (window.acknowledged) pending.report = this.acknowledge(pending.rid, body.ack)
    window.accept(pending.rid)
    session.inactivity.allow('quiet', this.terms.inactivity)
    session.learnChannel(pending.peer.secure)
    this.address ??= pending.peer.address
    open.hold(pending)
    if (session.outcome !== undefined) return
    // Only while the stream is being opened can so many be open; requests that no client waits for do not count.
    while (open.held.length > this.terms.requests && open.held[0]!.peer.gone) this.answerOldest()
    const at = { now: this.parts.clock.now(), unanswered: open.held.length, fruitful: this.fruitful }
    const payload = inspect(body.payload, session.stanzaLimit)
    const fault = this.#rules.broken(body, payload, at) ?? (this.#mayGoOn(body) ? undefined : 'bad-request')
    if (fault !== undefined) {
      open.take(pending).peer.answer(this.#fault(fault))
    } else if (body.terminate) {
      session.send(payload, at.now)
      session.end('client')
    } else if (body.restart !== true) {
      session.send(payload, at.now)
      if (body.pause !== undefined) session.inactivity.allow('paused', body.pause)
      // A pause wants no request open (XEP-0124 §10), and a cookie is of no use before it has arrived.
      if (body.pause !== undefined || this.cookie?.isNew === true) this.answerAll()
      // What is reported as lost is to be asked for at once.
      else if (pending.report !== '') while (open.held.includes(pending)) this.answerOldest()
    }
  }

  /** Opens the stream again where the request asks for that; false where it must not ask (XEP-0206 §5). */
  #mayGoOn({ restart, terminate, to, lang, from }: Body): boolean {
    return restart !== true || terminate || this.session.restart(to, { lang, from })
  }

  /** How many requests the session holds: at most one while the process holds too many. */
  get #mostHeld(): number {
    const { isPolling, hold } = this.terms
    if (isPolling) return 0
    return hold > 1 && this.parts.limits.holdsTooMany ? 1 : hold
  }

  /** Whether a parked request is the next, and waits only because its client has sent too much. */
  get #hasTurn(): boolean {
    return this.open.parked(this.window.last + 1) !== undefined
  }

  /** Takes the parked requests that are next, as long as their client may send. */
  #acceptParked(now: number): void {
    while (now >= this.session.freeAt) {
      const parked = this.open.unpark(this.window.last + 1)
      if (parked === undefined) return
      const body = parseBody(parked.parked!.text)
      // While it is held, its payload is not kept.
      parked.parked = undefined
      parked.expires = this.#expiry(parked.since)
      this.#accept(parked, body)
    }
  }

  /** Keeps a request unread until the ones before it have come, and their client may send more. */
  #park(pending: Pending, body: Body): void {
    const older = this.open.parked(pending.rid)
    const fault = older === undefined ? undefined : this.#rules.brokenByRepeat(older, body)
    if (fault !== undefined) {
      pending.peer.answer(this.#fault(fault))
      return
    }
    const { text } = body
    const length = this.open.parkedLength + text.length - (older?.parked?.text.length ?? 0)
    const room = this.parts.bodies.ofMessage(pending.peer.address)
    // Each unit takes two bytes if any character is beyond U+00FF.
    const isKept = this.session.jid !== undefined || length <= mostBeforeLogin
    if (!isKept || !room.is(2 * text.length + parkedBytes)) {
      if (isKept) this.parts.counts.bodiesRefused += 1
      this.#defer(pending)
      return
    }
    pending.parked = { text, room }
    pending.expires = pending.since + Math.min(this.terms.wait, gapSeconds) * 1000
    if (older !== undefined) pending.repeats = older.repeats + 1
    this.open.park(pending)
    older?.peer.answer(this.wrap(errorBody))
    this.session.schedule()
  }

  /** Has a client send its request again, by a status: libraries that repeat after it take `error` for an empty reply. */
  #defer({ peer, since }: Pending): void {
    this.parts.counts.failedRequests += 1
    peer.answer({ status: 503, body: '', contentType: this.terms.contentType })
    this.session.inactivity.begin(since)
    this.session.schedule()
  }

  /** A rid that was received before: its reply once more, or its place among the held (XEP-0124 §14.3). */
  #repeat(rid: number, body: Body, peer: Peer): void {
    const stored = this.window.replyTo(rid)
    const held = stored === undefined ? this.open.held.find(pending => pending.rid === rid) : undefined
    const before = stored ?? held
    if (before === undefined && peer.isCarried === true) {
      // The client has sent it again another way long ago, and has gone on since.
      peer.answer(noAnswer)
      return
    }
    const fault = before === undefined ? 'item-not-found' : this.#rules.brokenByRepeat(before, body)
    if (fault !== undefined) {
      this.parts.counts.repeatsRefused += 1
      peer.answer(this.#fault(fault))
      return
    }
    const isSame = before!.digest === body.digest
    // Answered all the same, and what it carries is passed over: the rid is spent.
    if (!isSame) this.session.notice('a repeated request has another content')
    if (stored !== undefined) {
      peer.answer(this.giveAgain(stored, peer, isSame))
      this.session.schedule()
      return
    }
    const since = this.parts.clock.now()
    const older = this.open.renew(held!, peer, since, this.#expiry(since))
    older.answer(this.wrap(errorBody))
    this.flush()
  }

  /** Tells the oldest request that is heard how the session ended; the others get nothing (XEP-0124 §17.2). */
  #tell({ reason, streamError }: Outcome): void {
    const pending = this.open.oldestLive
    // Clients do not look for stanzas in a reply that ends the session.
    if (pending === undefined || !this.session.outbox.isEmpty) return
    this.open.take(pending).peer.answer(this.terminate(conditionOf[reason], streamError))
    if (reason !== 'shutdown') this.parts.counts.failedRequests += 1
    this.session.abandon(reason)
  }

  /** The reply to a request that breaks the rules: the session ends, and the others are told that it was not they. */
  #fault(condition: Fault): Reply {
    this.parts.counts.failedRequests += 1
    this.#answerAll(this.terminate('other-request'))
    this.session.abandon(condition)
    return this.terminate(condition)
  }

  /** The same reply to all requests that are open. */
  #answerAll(reply: Reply): void {
    for (const { peer } of this.open.clear()) peer.answer(reply)
  }

  /** When a request that comes now is answered at the latest. */
  #expiry(now: number): number {
    const { wait } = this.terms
    // A little early, before proxies with the same patience give up: they count from earlier on.
    return now + Math.min(wait, Math.max(1, wait * 0.9)) * 1000
  }
}

/**
 * How many requests of these clients are held, as far as they speak BOSH, and since when the one is that is held the
 * longest, in milliseconds of the clock; undefined where there is none.
 */
export function heldRequests(clients: Iterable<Client | undefined>) {
  let heldRequests = 0
  let heldSince: number | undefined
  for (const client of clients) {
    const held = client instanceof BoshClient ? client.held : []
    heldRequests += held.length
    for (const { since } of held) heldSince = Math.min(heldSince ?? since, since)
  }
  return { heldRequests, heldSince }
}
