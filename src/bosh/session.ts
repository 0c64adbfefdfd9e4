import { randomInt } from 'node:crypto'
import type { Counts, EndReason } from '../counts.js'
import type { Condition } from '../errors.js'
import type { Peer, Reply, Waiter } from '../exchange.js'
import type { Clock } from '../lib/clock.js'
import type { Failure, LinkEnd, LinkEvents, StreamHeader } from '../link.js'
import { streamsNamespace } from '../namespaces.js'
import type {
  HandedOver,
  Handover,
  LoggedIn,
  ResumedSession,
  SessionState,
  SessionView,
} from '../sessions.js'
import type { Element, Fate } from '../xml/element.js'
import type { CookieRules } from './attach-binding.js'
import { type Body, emptyBody, errorBody } from './body.js'
import { Delivery } from './delivery.js'
import { visibleFeatures } from './features.js'
import type { Flow } from './flow.js'
import { faultOfRestart, LoginWatch } from './login-watch.js'
import { type Load, OpenRequests, type Pending } from './open-requests.js'
import { Outbox, type OutboxLimits } from './outbox.js'
import { Owner } from './owner.js'
import { encryptionRequired, revealsPassword, sizeOf } from './payload.js'
import { refusedLogin } from './refused-login.js'
import { ReplyWriter, stanzasIn } from './replies.js'
import { type Fault, isExtra, Rules } from './rules.js'
import { Silence } from './silence.js'
import { announced, type Terms } from './terms.js'
import { type Connect, Upstream } from './upstream.js'
import { RidWindow } from './window.js'

/** How the session is over, as its next request will be told. */
interface Outcome {
  readonly reason: EndReason
  readonly condition: Condition
  readonly streamError?: string | undefined
  readonly failure?: Failure | undefined
}

/** Whoever keeps the sessions; one for all of them. */
export interface SessionKeeper {
  readonly counts: Counts
  readonly load: Load
  /** How much clients may send. */
  readonly flow: Flow
  /** The server has told the client's JID; called at most once. */
  bound(session: Session): void
  /** The server takes the client for one of its users, whose JID will never be known. */
  loggedIn(session: Session): void
  /** Takes note of what an operator may want to know; never of content. */
  noticed(session: Session, what: string): void
  /** The server sent a stanza that cannot be passed on as it is, but mended or not at all. */
  unfit(session: Session, fate: Fate): void
  /** The link to the XMPP server is over, and nobody was logged in over it yet. */
  failed(session: Session, failure: Failure): void
  /** Called once, when the session is over and nothing of it can be asked for any more. */
  ended(session: Session, reason: EndReason): void
  /** The same for a session that failed at something that was not foreseen; it may have been called over before. */
  broke(session: Session, cause: unknown): void
}

export interface SessionParts {
  readonly sid: string
  /** The handle that may be shown; no secret. */
  readonly id: string
  /** Of the XMPP server. */
  readonly domain: string
  readonly terms: Terms
  /** The creation request's rid. */
  readonly rid: number
  /** Where a sequence of keys begins, if the client chose to prove itself (XEP-0124 §15). */
  readonly newkey: string | undefined
  readonly peer: Peer
  readonly clock: Clock
  readonly outboxLimits: OutboxLimits
  /** Opens the link to the XMPP server; called once. */
  readonly connect: Connect
  readonly cookies: CookieRules
  readonly keeper: SessionKeeper
}

/** Longest time for features before the creation request is answered without them, in seconds. */
const createSeconds = 5
/** Longest time that a request waits for the one before it, in seconds. */
const gapSeconds = 30
/** How far rids jump at least when another page takes the session over; never twice as far. */
const leastJump = 2 ** 20

/**
 * One client's session: holds its requests, keeps their order and passes payloads both ways (XEP-0124 §8-§14).
 * All requests come through `create` and `handle`, all that the server says through the link's events.
 */
export class Session {
  readonly sid: string
  readonly id: string
  /** When `tick` has something to do, in milliseconds of the clock. */
  deadline = Number.POSITIVE_INFINITY
  readonly #about: Pick<SessionView, 'id' | 'domain' | 'origin' | 'createdAt'>
  #jid: string | undefined
  readonly #terms: Terms
  readonly #clock: Clock
  readonly #upstream: Upstream
  readonly #keeper: SessionKeeper
  readonly #window: RidWindow
  readonly #open: OpenRequests
  readonly #outbox: Outbox
  readonly #replies: ReplyWriter
  readonly #owner: Owner
  readonly #silence: Silence
  readonly #delivery: Delivery
  #rules: Rules
  /** While a client logs in by itself; undefined once its JID is known, or cannot be any more. */
  #watch: LoginWatch | undefined
  /** The session's number in the flow of what its client sends. */
  #paidAt = 0
  #outcome: Outcome | undefined
  #ended = false

  constructor(parts: SessionParts) {
    this.sid = parts.sid
    this.id = parts.id
    const origin = parts.peer.kind === 'login' ? 'warmed' : 'client'
    this.#about = { id: parts.id, domain: parts.domain, origin, createdAt: parts.clock.now() }
    this.#terms = parts.terms
    this.#clock = parts.clock
    this.#keeper = parts.keeper
    this.#owner = new Owner(parts.peer, parts.id, parts.cookies)
    this.#silence = new Silence(parts.terms.inactivity, parts.clock.now())
    this.#rules = new Rules(parts.terms, parts.newkey)
    this.#watch = this.#owner.isLogin ? undefined : new LoginWatch(parts.domain)
    this.#window = new RidWindow(parts.rid, parts.terms.requests, parts.terms.acks)
    this.#open = new OpenRequests(parts.keeper.load, () => this.#guard(() => this.#requestBroken()))
    this.#outbox = new Outbox(parts.outboxLimits)
    this.#replies = new ReplyWriter(parts.sid, parts.rid, parts.terms)
    this.#upstream = new Upstream(parts.connect, parts.peer.login, new Session.#Listener(this))
    // Written out: V8 gives each object that is made of spreads a shape of its own, 370 bytes for each session.
    this.#delivery = new Delivery({
      id: parts.id,
      clock: parts.clock,
      counts: parts.keeper.counts,
      owner: this.#owner,
      window: this.#window,
      open: this.#open,
      outbox: this.#outbox,
      replies: this.#replies,
      silence: this.#silence,
      upstream: this.#upstream,
    })
  }

  /** Hears what happens on the link. One object for each session; five functions would take ten times as much. */
  static readonly #Listener = class implements LinkEvents {
    readonly #session: Session

    constructor(session: Session) {
      this.#session = session
    }

    onOpen(header: StreamHeader): void {
      this.#session.#replies.introduce(header)
    }

    onElement(element: Element): void {
      this.#session.#receive(element)
    }

    onUnfit(fate: Fate): void {
      this.#session.#keeper.unfit(this.#session, fate)
    }

    onFlush(): void {
      if (!this.#session.#outbox.isEmpty) this.#session.#settle()
    }

    onDrain(): void {
      this.#session.#settle()
    }

    onEnd(end: LinkEnd): void {
      this.#session.#guard(() => this.#session.#linkEnded(end))
    }
  }

  /** The full JID, once the server has told it. */
  get jid(): string | undefined {
    return this.#jid
  }

  /** How many requests of its browser are held. */
  get heldCount(): number {
    return this.#owner.isLogin ? 0 : this.#open.heldCount
  }

  /** How many of its browser's requests wait for an answer, held or not. */
  get openCount(): number {
    return this.#owner.isLogin ? 0 : this.#open.count
  }

  /** Whether its client has opened it itself. */
  get isClients(): boolean {
    return this.#about.origin === 'client'
  }

  /** Whether nothing has ended it. */
  get isLive(): boolean {
    return !this.#ended && this.#outcome === undefined
  }

  /** Since when the oldest of them is, in milliseconds of the clock. */
  get heldSince(): number | undefined {
    return this.#owner.isLogin ? undefined : this.#open.oldest?.since
  }

  /** What may be known of it. */
  get view(): SessionView {
    const quietSince = this.#open.hasLive ? undefined : this.#silence.since
    return { ...this.#about, jid: this.#jid, state: this.state, quietSince }
  }

  get state(): SessionState {
    if (this.#outcome !== undefined) return 'ended'
    if (this.#jid === undefined || this.#upstream.isOpening) return 'opening'
    return this.#open.hasLive ? 'held' : this.#silence.kind
  }

  /** Answers the creation request; what it carries goes to the server once the stream is open. */
  create({ payload, digest }: Body, peer: Peer, waiter: Waiter): void {
    const since = this.#clock.now()
    const patience = this.#owner.isLogin
      ? Number.POSITIVE_INFINITY
      : Math.min(this.#terms.wait, createSeconds) * 1000
    const expires = since + patience
    const rid = this.#window.last
    // Of the same shape as all others: those that are made of spreads have one each.
    this.#open.hold({ rid, peer, waiter, key: undefined, digest, repeats: 0, since, expires })
    this.#forward(payload, since)
    // A link that could not even be dialled may have ended before.
    if (this.#outcome !== undefined) this.#settle()
    else if (peer.gone) this.#requestBroken()
    else this.#schedule()
  }

  /** Answers a later request. */
  handle(body: Body, peer: Peer, waiter: Waiter): void {
    const { rid, key, digest } = body
    const refusal = this.#refusal(rid, peer)
    if (refusal !== undefined) {
      this.#keeper.counts.failedRequests += 1
      waiter.answer(refusal)
      return
    }
    if (rid === undefined || Number.isNaN(rid) || Number.isNaN(body.ack) || body.restart === undefined) {
      waiter.answer(this.#fault('bad-request'))
      return
    }
    switch (this.#window.place(rid, isExtra(body) ? 1 : 0)) {
      case 'next': {
        const since = this.#clock.now()
        if (since < this.#freeAt || this.#hasTurn) {
          this.#park(rid, body, peer, waiter)
          return
        }
        const expires = this.#expiry(since)
        this.#accept(body, { rid, peer, waiter, key, digest, repeats: 0, since, expires })
        this.#acceptParked(since)
        this.#settle()
        return
      }
      case 'early':
        this.#park(rid, body, peer, waiter)
        return
      case 'repeated':
        this.#repeat(rid, body, peer, waiter)
        return
      case 'outside':
        waiter.answer(this.#fault('item-not-found'))
    }
  }

  /** Answers a request that is too large to be read. Its rid is undefined where it does not begin with it. */
  handleTooLarge(rid: number | undefined, peer: Peer): Reply {
    return this.#refusal(rid, peer) ?? this.#fault('policy-violation')
  }

  /** What a request gets that is not the owner's; the session takes no note of it. Undefined if it may be the owner's. */
  #refusal(rid: number | undefined, peer: Peer): Reply | undefined {
    const refusal = this.#owner.refusal(peer)
    if (refusal !== undefined || rid === undefined || !this.#window.isFenced(rid)) return refusal
    return this.#replies.terminate('item-not-found')
  }

  /** Does what time demands; called when `deadline` has passed. */
  tick(): void {
    const now = this.#clock.now()
    if (this.#hasTurn) {
      this.#acceptParked(now)
      this.#settle()
      if (this.#ended) return
    }
    this.#delivery.answerExpired(now)
    if (this.#open.hasLive || now < this.#silence.end) this.#schedule()
    else this.abandon(this.#silence.kind === 'waiting' ? 'attach-timeout' : 'inactivity')
  }

  /**
   * Passes the session from our login to a browser, which has `seconds` for its first request.
   * What the server sent in the meantime waits for it, `strays` first. Undefined if the session is over.
   */
  handOver(session: LoggedIn): HandedOver | undefined {
    if (!this.isLive) return undefined
    this.#outbox.putBack(session.strays)
    this.#window.handOver()
    this.#learn(session.jid)
    return this.#awaitBrowser(session)
  }

  /**
   * Passes a session that is logged in from one page to another: what is open is answered, later requests of the first
   * page are refused, and what may have been lost on the way to it is delivered again, before all else. Undefined, and
   * nothing has changed, if there is no such session any more or not yet.
   */
  resume(handover: Handover): ResumedSession | undefined {
    const [jid, state] = [this.#jid, this.state]
    if (this.#ended || jid === undefined || state === 'opening' || state === 'ended') return undefined
    // What waits for nothing but its turn has been received, and its page will not send it again.
    this.#acceptParked(Number.POSITIVE_INFINITY)
    if (!this.isLive) return undefined
    this.#paidAt = 0
    const isPaused = this.#silence.kind === 'paused'
    const unacknowledged = this.#window.fence(randomInt(leastJump, 2 * leastJump), isPaused)
    if (unacknowledged === undefined) return undefined
    for (const pending of this.#open.clear()) pending.waiter.answer(this.#delivery.reply(emptyBody))
    this.#outbox.putBack(unacknowledged.flatMap(({ text }) => stanzasIn(text)))
    // Keys and acknowledgements were agreed on with the page before; this one knows of neither.
    this.#rules = new Rules(this.#terms, undefined)
    return {
      ...{ id: this.id, jid, rid: this.#window.last + 1, ...announced(this.sid, this.#terms) },
      ...this.#awaitBrowser(handover),
    }
  }

  /** Ends the session at once: its oldest request is told, the others get nothing (XEP-0124 §13). */
  end(reason: 'client' | 'logout'): void {
    const told = this.#open.oldestLive
    if (told !== undefined) {
      this.#open.remove(told)
      told.waiter.answer(this.#delivery.withFacts(this.#replies.terminate(undefined)))
    }
    this.abandon(reason)
  }

  /**
   * Ends the session because the service stops: its client gets what is queued, then `system-shutdown`. The XMPP server
   * sees its user leave at once, unless there is something left that may yet have to go back to its sender.
   */
  shutDown(): void {
    this.#finish({ reason: 'shutdown', condition: 'system-shutdown' })
    if (!this.#ended && this.#outbox.isEmpty) this.#upstream.close()
  }

  /** Ends the session because of what its client left undone, or has too much of: it is told `policy-violation`. */
  expel(reason: 'login-timeout' | 'limit'): void {
    this.#guard(() => {
      this.#upstream.close()
      this.#finish({ reason, condition: 'policy-violation' })
    })
  }

  /**
   * Ends the session because it failed at something that was not foreseen: nothing of it can be relied on any more, and
   * no other is to notice. Whoever waits is told.
   */
  collapse(cause: unknown): void {
    this.#ended = true
    this.deadline = Number.POSITIVE_INFINITY
    const failure = { step: 'connect', code: 'internal-error', cause } as const
    const acts = [
      () => this.#keeper.broke(this, cause),
      () => this.#upstream.close(),
      () => {
        for (const { waiter } of this.#open.clear())
          waiter.answer(this.#delivery.withFacts(this.#replies.terminate('internal-server-error'), failure))
      },
    ]
    for (const act of acts) {
      try {
        act()
      } catch {
        // What is broken may break here, too, and has been reported.
      }
    }
  }

  /**
   * Ends the session without a word to its client; the XMPP server sees an orderly end. What had ended it before, with
   * nobody told yet, is the reason rather than the one given here.
   */
  abandon(reason: EndReason): void {
    if (this.#ended) return
    this.#ended = true
    this.deadline = Number.POSITIVE_INFINITY
    this.#upstream.close(this.#outbox.clear())
    for (const pending of this.#open.clear()) pending.waiter.answer(this.#delivery.reply(emptyBody))
    this.#keeper.ended(this, this.#owner.isLogin ? 'login' : (this.#outcome?.reason ?? reason))
  }

  #accept(body: Body, taken: Pending): void {
    const report = this.#window.acknowledged ? this.#delivery.acknowledge(taken.rid, body.ack) : undefined
    const pending = report === undefined ? taken : { ...taken, report }
    this.#window.accept(pending.rid)
    this.#silence.allow('quiet', this.#terms.inactivity)
    this.#owner.accept(pending.peer)
    this.#open.hold(pending)
    if (this.#outcome !== undefined) return
    // Only while the stream is being opened can so many be open; what nobody waits for does not count.
    while (this.#open.heldCount > this.#terms.requests && this.#open.oldest!.peer.gone)
      this.#delivery.answerOldest()
    const at = { now: this.#clock.now(), unanswered: this.#open.heldCount, fruitful: this.#delivery.fruitful }
    const fault =
      this.#rules.broken(body, at) ??
      (this.#owner.isLogin ? undefined : faultOfRestart(body, this.#watch, this.#upstream))
    if (fault !== undefined) {
      this.#open.remove(pending)
      pending.waiter.answer(this.#fault(fault))
    } else if (body.terminate) {
      this.#forward(body.payload, at.now)
      this.end('client')
    } else if (body.restart === true) {
      this.#upstream.restart(body)
    } else {
      this.#forward(body.payload, at.now)
      if (body.pause !== undefined) this.#silence.allow('paused', body.pause)
      // A pause wants no request open (XEP-0124 §10), and a cookie is of no use before it has arrived.
      if (body.pause !== undefined || this.#owner.lacksCookie) this.#delivery.answerAll()
      // What is reported as lost is to be asked for at once.
      else if (report !== undefined)
        while (this.#open.held(pending.rid) !== undefined) this.#delivery.answerOldest()
    }
  }

  /** Whether a parked request is the next, and waits only because its client has sent too much. */
  get #hasTurn(): boolean {
    return this.#open.parked(this.#window.last + 1) !== undefined
  }

  /** When the client may send more, in milliseconds of the clock. */
  get #freeAt(): number {
    return this.#keeper.flow.freeAt(this.#paidAt)
  }

  /** Takes those whose turn it is, as long as their client may send. */
  #acceptParked(now: number): void {
    while (now >= this.#freeAt) {
      const parked = this.#open.unpark(this.#window.last + 1)
      if (parked === undefined) return
      const { rid, peer, waiter, key, digest, repeats, since, body, answerBy } = parked
      this.#accept(body, { rid, peer, waiter, key, digest, repeats, since, expires: answerBy })
    }
  }

  /** Keeps a request unread until the ones before it have come, and their client may send more. */
  #park(rid: number, body: Body, peer: Peer, waiter: Waiter): void {
    const older = this.#open.parked(rid)
    const fault = older === undefined ? undefined : this.#rules.brokenByRepeat(older, body)
    if (fault !== undefined) {
      waiter.answer(this.#fault(fault))
      return
    }
    const since = this.#clock.now()
    const expires = since + Math.min(this.#terms.wait, gapSeconds) * 1000
    const repeats = older === undefined ? 0 : older.repeats + 1
    const answerBy = this.#expiry(since)
    const { key, digest } = body
    this.#open.park({ rid, peer, waiter, key, digest, repeats, since, body, expires, answerBy })
    older?.waiter.answer(this.#delivery.reply(errorBody))
    this.#schedule()
  }

  /** A rid that was received before: its reply once more, or its place among the held (XEP-0124 §14.3). */
  #repeat(rid: number, body: Body, peer: Peer, waiter: Waiter): void {
    const stored = this.#window.replyTo(rid)
    const held = stored === undefined ? this.#open.held(rid) : undefined
    const before = stored ?? held
    const fault = before === undefined ? 'item-not-found' : this.#rules.brokenByRepeat(before, body)
    if (fault !== undefined) {
      this.#keeper.counts.repeatsRefused += 1
      waiter.answer(this.#fault(fault))
      return
    }
    const isSame = before!.digest === body.digest
    // Answered all the same, and what it carries is passed over: the rid is spent.
    if (!isSame) this.#keeper.noticed(this, 'a repeated request has another content')
    if (stored !== undefined) {
      waiter.answer(this.#delivery.giveAgain(stored, peer, isSame))
      this.#schedule()
      return
    }
    const repeats = held!.repeats + 1
    const { key, digest } = held!
    const since = this.#clock.now()
    this.#open.replace({ rid, peer, waiter, key, digest, repeats, since, expires: this.#expiry(since) })
    held!.waiter.answer(this.#delivery.reply(errorBody))
    this.#settle()
  }

  #forward(payload: readonly Element[], now: number): void {
    if (payload.length === 0) return
    if (!this.#owner.isLogin) this.#paidAt = this.#keeper.flow.charge(this.#paidAt, sizeOf(payload), now)
    if (!this.#owner.isLogin && !this.#owner.isSecure && revealsPassword(payload)) {
      this.#outbox.add(encryptionRequired)
      return
    }
    this.#watch?.sent(payload)
    this.#upstream.send(payload, this.#owner.isLogin)
    if (!this.#upstream.isOverfull) return
    this.#outcome = { reason: 'connection-lost', condition: 'remote-connection-failed' }
    this.#upstream.close()
  }

  /** From now on the session is a browser's, once it comes. */
  #awaitBrowser(handover: Handover): HandedOver {
    const now = this.#clock.now()
    this.#silence.allow('waiting', handover.seconds)
    this.#silence.begin(now)
    const handedOver = this.#owner.change(handover, this.#terms, now)
    this.#schedule()
    return handedOver
  }

  /** The server takes the client for one of its users, and may have told with which JID. */
  #learn(jid: string | undefined): void {
    this.#watch = undefined
    this.#jid = jid
    if (jid === undefined) this.#keeper.loggedIn(this)
    else this.#keeper.bound(this)
  }

  #receive(element: Element): void {
    if (this.#jid === undefined) {
      const refusal = refusedLogin(element)
      if (refusal !== undefined) this.#keeper.failed(this, { step: 'sasl', code: refusal })
      const loggedIn = this.#watch?.received(element)
      if (loggedIn !== undefined) {
        this.#learn(loggedIn.jid)
        // It may have been one session too many.
        if (!this.isLive) return
      }
    }
    if (element.namespace !== streamsNamespace || element.name !== 'features') {
      this.#outbox.add(element)
      if (this.#outbox.isFull) this.#upstream.pause()
      return
    }
    this.#outbox.add(this.#owner.isLogin ? element : visibleFeatures(element, this.#owner.isSecure))
    this.#upstream.opened()
  }

  /** Answers every request that need not wait any longer. */
  #settle(): void {
    if (this.#ended) return
    this.#delivery.deliver()
    if (this.#outcome !== undefined) {
      this.#tell(this.#outcome)
      if (this.#ended) return
    }
    const hold = this.#terms.isPolling ? 0 : this.#terms.hold
    if (this.#open.heldCount > hold && !this.#owner.isLogin) {
      // While the stream is being opened its features are what the client waits for. And a client that had answers while
      // the server takes nothing would only send more.
      const isBehind = this.#upstream.isBehind && this.#outcome === undefined
      while (!isBehind && this.#open.heldCount > hold) this.#delivery.answerOldest()
    }
    this.#schedule()
  }

  /** The client of an open request went away: silence begins. A login that leaves takes its session with it. */
  #requestBroken(): void {
    if (this.#owner.isLogin) {
      this.abandon('login')
      return
    }
    this.#silence.begin(this.#clock.now())
    this.#schedule()
  }

  #linkEnded({ failure, streamError }: LinkEnd): void {
    if (failure.code === 'internal-error') {
      this.collapse(failure.cause)
      return
    }
    if (this.#jid === undefined) this.#keeper.failed(this, failure)
    if (streamError === undefined)
      this.#finish({ reason: 'connection-lost', condition: 'remote-connection-failed', failure })
    else {
      const reason = failure.condition === 'conflict' ? 'replaced' : 'stream-error'
      this.#finish({ reason, condition: 'remote-stream-error', failure, streamError })
    }
  }

  /** The session is over as soon as its client has been told; queued stanzas go first, in a reply of their own. */
  #finish(outcome: Outcome): void {
    if (!this.isLive) return
    this.#outcome = outcome
    this.#settle()
  }

  /** Tells the oldest request somebody waits for how it ended; the others get nothing (XEP-0124 §17.2). */
  #tell({ reason, condition, streamError, failure }: Outcome): void {
    // Clients do not look for stanzas in a reply that ends the session.
    if (!this.#outbox.isEmpty) return
    const pending = this.#open.oldestLive
    if (pending === undefined) return
    this.#open.remove(pending)
    pending.waiter.answer(this.#delivery.withFacts(this.#replies.terminate(condition, streamError), failure))
    if (!this.#owner.isLogin && reason !== 'shutdown') this.#keeper.counts.failedRequests += 1
    this.abandon(reason)
  }

  /** Runs what nobody above would catch. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.collapse(error)
    }
  }

  /** The reply to a request that breaks the rules: the session ends, and all others learn that it was not they. */
  #fault(condition: Fault): Reply {
    this.#keeper.counts.failedRequests += 1
    for (const other of this.#open.clear()) other.waiter.answer(this.#replies.terminate('other-request'))
    this.abandon(condition)
    return this.#delivery.withFacts(this.#replies.terminate(condition))
  }

  /** When a request that comes now is answered at the latest. */
  #expiry(now: number): number {
    // A login waits as long as its own deadline lets it.
    if (this.#owner.isLogin) return Number.POSITIVE_INFINITY
    const { wait } = this.#terms
    // A little early, before proxies with the same patience give up: they count from earlier on.
    return now + Math.min(wait, Math.max(1, wait * 0.9)) * 1000
  }

  #schedule(): void {
    if (this.#ended) return
    const silence = this.#open.hasLive ? Number.POSITIVE_INFINITY : this.#silence.end
    const turn = this.#hasTurn ? this.#freeAt : Number.POSITIVE_INFINITY
    this.deadline = Math.min(silence, turn, this.#open.nextExpiry)
  }
}
