import { randomInt } from 'node:crypto'
import type { HandedOut } from '../handed-out.js'
import type { StreamHeader } from '../link.js'
import type { Client, Outcome, Successor } from '../session/client.js'
import { inspect, type Payload } from '../session/payload.js'
import type { Session } from '../session/session.js'
import type { Handover } from '../session/sessions.js'
import { AttachCookie, type CookieRules } from './attach-cookie.js'
import { type Body, emptyBody, errorBody } from './body.js'
import { type BoshParts, Delivery } from './delivery.js'
import type { Pending } from './open-requests.js'
import type { Peer, Reply } from './peer.js'
import { conditionOf, noAnswer, notFound, ReplyWriter, stanzasIn } from './replies.js'
import { type Fault, isExtra, Rules } from './rules.js'
import { announce, announced, type Terms } from './terms.js'
import { RidWindow } from './window.js'

export interface BoshClientParts extends BoshParts {
  /** How the cookies look that bind sessions at a domain to browsers. */
  readonly cookies: (domain: string) => CookieRules
}

/** How a client begins. */
interface Start {
  readonly terms: Terms
  /** The last rid that was used. */
  readonly rid: number
  /** Where a sequence of keys begins, if the client chose to prove itself (XEP-0124 §15). */
  readonly newkey: string | undefined
  readonly cookie: AttachCookie | undefined
  /** Whether it has `created` the session, was handed it by a backend, or has `resumed` it in the place of another page. */
  readonly by: 'created' | 'handed-out' | 'resumed'
}

/** Longest time for features before the creation request is answered without them, in seconds. */
const createSeconds = 5
/** Longest time that a request waits for the one before it, in seconds. */
const gapSeconds = 30
/** How far rids jump at least when another page takes the session over; never twice as far. */
const leastJump = 2 ** 20

/**
 * The client of a session over BOSH: keeps the order of its requests, holds them, and passes payloads both ways
 * (XEP-0124 §8-§14). All requests come through `create` and `handle`.
 */
export class BoshClient implements Client {
  readonly session: Session
  readonly #parts: BoshClientParts
  readonly #terms: Terms
  readonly #rules: Rules
  readonly #cookie: AttachCookie | undefined
  readonly #delivery: Delivery

  constructor(session: Session, parts: BoshClientParts, { terms, rid, newkey, cookie, by }: Start) {
    this.session = session
    this.#parts = parts
    this.#terms = terms
    this.#rules = new Rules(terms, newkey)
    this.#cookie = cookie
    const isNew = by === 'created'
    const window = new RidWindow(rid, terms.requests, {
      acknowledged: isNew && terms.acks,
      isHandedOut: !isNew,
      isResumed: by === 'resumed',
    })
    const writer = new ReplyWriter(terms, isNew ? announce(session.sid, rid, terms) : undefined)
    this.#delivery = new Delivery(session, parts, window, writer, cookie, () =>
      session.guard(() => this.#requestBroken()),
    )
  }

  /** The client of a page that is handed a session by its backend, and what the page goes on with: the rid after `rid`. */
  static forPage(
    session: Session,
    parts: BoshClientParts,
    terms: Terms,
    { seconds, attachBinding: mode }: Handover,
    rid: number,
    by: 'handed-out' | 'resumed' = 'handed-out',
  ): Successor {
    const longestGap = terms.wait + Math.max(seconds, terms.inactivity, terms.maxPause)
    const { id, domain, sid } = session
    const now = parts.clock.now()
    const cookie =
      mode === 'off'
        ? undefined
        : new AttachCookie({ id, mode, longestGap, rules: parts.cookies(domain), now })
    const handedOut: HandedOut = {
      rid: rid + 1,
      ...announced(sid, terms),
      cookie: cookie?.handedOut,
    }
    const client = new BoshClient(session, parts, { terms, rid, newkey: undefined, cookie, by })
    return { client, handedOut }
  }

  get isPresent(): boolean {
    return this.#delivery.open.hasLive
  }

  get heldCount(): number {
    return this.#delivery.open.heldCount
  }

  get heldSince(): number | undefined {
    return this.#delivery.open.oldest?.since
  }

  /** How many requests wait for an answer, held or not. */
  get openCount(): number {
    return this.#delivery.open.count
  }

  get deadline(): number {
    const turn = this.#hasTurn ? this.session.freeAt : Number.POSITIVE_INFINITY
    return Math.min(turn, this.#delivery.open.nextExpiry)
  }

  onOpen(header: StreamHeader): void {
    this.#delivery.writer.introduce(header)
  }

  /** Answers the creation request; its payload goes to the server once the stream is open. */
  create(digest: string, payload: Payload, peer: Peer): void {
    const since = this.#parts.clock.now()
    const expires = since + Math.min(this.#terms.wait, createSeconds) * 1000
    const rid = this.#delivery.window.last
    this.session.inactivity.allow('quiet', this.#terms.inactivity)
    // Of the same shape as all others: those that are made of spreads have one each.
    this.#delivery.open.hold({ rid, peer, key: undefined, digest, repeats: 0, since, expires })
    this.session.send(payload, since)
    // A link that could not even be dialled may have ended before.
    if (this.session.outcome !== undefined) this.flush()
    else if (peer.gone) this.#requestBroken()
    else this.session.schedule()
  }

  /** Answers a later request. */
  handle(body: Body, peer: Peer): void {
    const { rid, key, digest } = body
    const refusal = this.#refusal(rid, peer)
    if (refusal !== undefined) {
      this.#parts.counts.failedRequests += 1
      peer.answer(refusal)
      return
    }
    if (rid === undefined || Number.isNaN(rid) || Number.isNaN(body.ack) || body.restart === undefined) {
      peer.answer(this.#fault('bad-request'))
      return
    }
    switch (this.#delivery.window.place(rid, isExtra(body) ? 1 : 0)) {
      case 'next': {
        const since = this.#parts.clock.now()
        if (since < this.session.freeAt || this.#hasTurn) {
          this.#park(rid, body, peer)
          return
        }
        const expires = this.#expiry(since)
        this.#accept(body, { rid, peer, key, digest, repeats: 0, since, expires })
        this.#acceptParked(since)
        this.flush()
        return
      }
      case 'early':
        this.#park(rid, body, peer)
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
    this.#delivery.answerExpired(now)
  }

  /** Answers every request that need not wait any longer. */
  flush(): void {
    const session = this.session
    if (session.isOver) return
    this.#delivery.deliver()
    const { outcome } = session
    if (outcome !== undefined) {
      this.#tell(outcome)
      if (session.isOver) return
    }
    const hold = this.#terms.isPolling ? 0 : this.#terms.hold
    const { open } = this.#delivery
    if (open.heldCount > hold) {
      // While the stream is being opened its features are what the client waits for. And a client that had answers while
      // the server takes nothing would only send more.
      const isBehind = session.isBehind && outcome === undefined
      while (!isBehind && open.heldCount > hold) this.#delivery.answerOldest()
    }
    session.schedule()
  }

  /** Tells the oldest request that is heard; the others get nothing (XEP-0124 §13). */
  dismiss(): void {
    const told = this.#delivery.open.oldestLive
    if (told === undefined) return
    this.#delivery.open.remove(told)
    told.peer.answer(this.#delivery.writer.terminate(undefined))
  }

  close(): void {
    for (const { peer } of this.#delivery.open.clear()) peer.answer(this.#delivery.writer.wrap(emptyBody))
  }

  fail(): void {
    for (const { peer } of this.#delivery.open.clear())
      peer.answer(this.#delivery.writer.terminate('internal-server-error'))
  }

  succeed(handover: Handover): Successor | undefined {
    // What waits for nothing but its turn has been received, and its page will not send it again.
    this.#acceptParked(Number.POSITIVE_INFINITY)
    if (!this.session.isLive) return undefined
    const { window } = this.#delivery
    const jump = randomInt(leastJump, 2 * leastJump)
    if (window.last >= Number.MAX_SAFE_INTEGER - jump) return undefined
    const unacknowledged = window.unacknowledged(this.session.inactivity.kind === 'paused')
    this.close()
    this.session.outbox.putBack(unacknowledged.flatMap(({ text }) => stanzasIn(text)))
    // Keys and acknowledgements were agreed on with the page before; this one knows of neither.
    return BoshClient.forPage(this.session, this.#parts, this.#terms, handover, window.last + jump, 'resumed')
  }

  /** The reply to a request that is not the browser's; the session ignores it. Undefined if it may be the browser's. */
  #refusal(rid: number | undefined, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined {
    // An eavesdropper may have the sid; the session lives on for its browser (XEP-0124 §19.1).
    if (this.session.isSecure && !peer.secure) return noAnswer
    if (this.#cookie?.admits(peer.cookies) === false) return notFound
    const isFenced = rid !== undefined && this.#delivery.window.isFenced(rid)
    return isFenced ? this.#delivery.writer.terminate('item-not-found') : undefined
  }

  #accept(body: Body, taken: Pending): void {
    const session = this.session
    const delivery = this.#delivery
    const { open, window } = delivery
    const report = window.acknowledged ? delivery.acknowledge(taken.rid, body.ack) : undefined
    const pending = report === undefined ? taken : { ...taken, report }
    window.accept(pending.rid)
    session.inactivity.allow('quiet', this.#terms.inactivity)
    session.learnChannel(pending.peer.secure)
    open.hold(pending)
    if (session.outcome !== undefined) return
    // Only while the stream is being opened can so many be open; requests that no client waits for do not count.
    while (open.heldCount > this.#terms.requests && open.oldest!.peer.gone) delivery.answerOldest()
    const at = { now: this.#parts.clock.now(), unanswered: open.heldCount, fruitful: delivery.fruitful }
    const payload = inspect(body.payload)
    const fault = this.#rules.broken(body, payload, at) ?? (this.#mayGoOn(body) ? undefined : 'bad-request')
    if (fault !== undefined) {
      open.remove(pending)
      pending.peer.answer(this.#fault(fault))
    } else if (body.terminate) {
      session.send(payload, at.now)
      session.end('client')
    } else if (body.restart !== true) {
      session.send(payload, at.now)
      if (body.pause !== undefined) session.inactivity.allow('paused', body.pause)
      // A pause wants no request open (XEP-0124 §10), and a cookie is of no use before it has arrived.
      if (body.pause !== undefined || this.#cookie?.isNew === true) delivery.answerAll()
      // What is reported as lost is to be asked for at once.
      else if (report !== undefined) while (open.held(pending.rid) !== undefined) delivery.answerOldest()
    }
  }

  /** Opens the stream again where the request asks for that; false where it must not ask (XEP-0206 §5). */
  #mayGoOn({ restart, terminate, to, lang, from }: Body): boolean {
    return restart !== true || terminate || this.session.restart(to, { lang, from })
  }

  /** Whether a parked request is the next, and waits only because its client has sent too much. */
  get #hasTurn(): boolean {
    return this.#delivery.open.parked(this.#delivery.window.last + 1) !== undefined
  }

  /** Takes the parked requests that are next, as long as their client may send. */
  #acceptParked(now: number): void {
    while (now >= this.session.freeAt) {
      const parked = this.#delivery.open.unpark(this.#delivery.window.last + 1)
      if (parked === undefined) return
      const { rid, peer, key, digest, repeats, since, body, answerBy } = parked
      this.#accept(body, { rid, peer, key, digest, repeats, since, expires: answerBy })
    }
  }

  /** Keeps a request unread until the ones before it have come, and their client may send more. */
  #park(rid: number, body: Body, peer: Peer): void {
    const older = this.#delivery.open.parked(rid)
    const fault = older === undefined ? undefined : this.#rules.brokenByRepeat(older, body)
    if (fault !== undefined) {
      peer.answer(this.#fault(fault))
      return
    }
    const since = this.#parts.clock.now()
    const expires = since + Math.min(this.#terms.wait, gapSeconds) * 1000
    const repeats = older === undefined ? 0 : older.repeats + 1
    const answerBy = this.#expiry(since)
    const { key, digest } = body
    this.#delivery.open.park({
      rid,
      peer,
      key,
      digest,
      repeats,
      since,
      body,
      expires,
      answerBy,
    })
    older?.peer.answer(this.#delivery.writer.wrap(errorBody))
    this.session.schedule()
  }

  /** A rid that was received before: its reply once more, or its place among the held (XEP-0124 §14.3). */
  #repeat(rid: number, body: Body, peer: Peer): void {
    const { open, window, writer } = this.#delivery
    const stored = window.replyTo(rid)
    const held = stored === undefined ? open.held(rid) : undefined
    const before = stored ?? held
    const fault = before === undefined ? 'item-not-found' : this.#rules.brokenByRepeat(before, body)
    if (fault !== undefined) {
      this.#parts.counts.repeatsRefused += 1
      peer.answer(this.#fault(fault))
      return
    }
    const isSame = before!.digest === body.digest
    // Answered all the same, and what it carries is passed over: the rid is spent.
    if (!isSame) this.session.notice('a repeated request has another content')
    if (stored !== undefined) {
      peer.answer(this.#delivery.giveAgain(stored, peer, isSame))
      this.session.schedule()
      return
    }
    const repeats = held!.repeats + 1
    const { key, digest } = held!
    const since = this.#parts.clock.now()
    open.replace({ rid, peer, key, digest, repeats, since, expires: this.#expiry(since) })
    held!.peer.answer(writer.wrap(errorBody))
    this.flush()
  }

  /** The browser of an open request went away: inactivity begins. */
  #requestBroken(): void {
    this.session.inactivity.begin(this.#parts.clock.now())
    this.session.schedule()
  }

  /** Tells the oldest request that is heard how the session ended; the others get nothing (XEP-0124 §17.2). */
  #tell({ reason, streamError }: Outcome): void {
    // Clients do not look for stanzas in a reply that ends the session.
    if (!this.session.outbox.isEmpty) return
    const { open, writer } = this.#delivery
    const pending = open.oldestLive
    if (pending === undefined) return
    open.remove(pending)
    pending.peer.answer(writer.terminate(conditionOf[reason], streamError))
    if (reason !== 'shutdown') this.#parts.counts.failedRequests += 1
    this.session.abandon(reason)
  }

  /** The reply to a request that breaks the rules: the session ends, and the others are told that it was not they. */
  #fault(condition: Fault): Reply {
    const { open, writer } = this.#delivery
    this.#parts.counts.failedRequests += 1
    for (const other of open.clear()) other.peer.answer(writer.terminate('other-request'))
    this.session.abandon(condition)
    return writer.terminate(condition)
  }

  /** When a request that comes now is answered at the latest. */
  #expiry(now: number): number {
    const { wait } = this.#terms
    // A little early, before proxies with the same patience give up: they count from earlier on.
    return now + Math.min(wait, Math.max(1, wait * 0.9)) * 1000
  }
}
