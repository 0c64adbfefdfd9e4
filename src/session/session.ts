import type { Logger } from 'pino'
import type { Counts, EndReason } from '../counts.js'
import type { Clock } from '../lib/clock.js'
import type {
  Link,
  LinkEnd,
  LinkEvents,
  LinkOptions,
  OpenLink,
  StreamHeader,
  StreamOptions,
} from '../link.js'
import { streamsNamespace } from '../namespaces.js'
import type { Element, Fate } from '../xml/element.js'
import type { Client, Outcome } from './client.js'
import { Inactivity } from './inactivity.js'
import { LoginWatch, refusedLogin } from './login-watch.js'
import { Outbox } from './outbox.js'
import { encryptionRequired, type Payload } from './payload.js'
import type { RateShaper } from './rate-shaper.js'
import type { Handover, ResumedSession, SessionState, SessionView } from './sessions.js'
import { newSid } from './sid.js'
import { Uplink } from './uplink.js'
import { visibleFeatures } from './visible-features.js'

/** What sessions have in common, and what keeps account of them. */
export interface SessionKeeper {
  readonly clock: Clock
  readonly counts: Counts
  readonly log: Logger
  /** How long a client may take to log in, in milliseconds. */
  readonly loginMilliseconds: number
  /** How many elements may wait for a client; as many as usual unless a test has its own. */
  readonly mostElements?: number | undefined
  /** How much clients may send. */
  readonly shaper: RateShaper
  /** Opens a link to a domain's XMPP server. */
  readonly connect: OpenLink
  /** The server takes the client for one of its users; the session has the JID, if that can be known. Called at most once. */
  loggedIn(session: Session): void
  /** The server sent a stanza that cannot be passed on as it is, but mended or not at all. */
  unfit(session: Session, fate: Fate): void
  /** Called once, when the session is over and nothing of it can be asked for any more. */
  ended(session: Session, reason: EndReason): void
  /** The same for a session that failed at something that was not foreseen; it may have been called over before. */
  broke(session: Session, cause: unknown): void
}

/**
 * One stream to an XMPP server and what belongs to it: the link, the outbox with what waits for the browser, the client
 * that speaks for the browser, and how the session stands: opening, waiting for its page, live or ended.
 */
export class Session implements LinkEvents {
  /** The secret that its clients name it by. */
  readonly sid: string
  /** The handle that may be shown; no secret. */
  readonly id: string
  /** Of the XMPP server. */
  readonly domain: string
  readonly origin: SessionView['origin']
  readonly #createdAt: number
  /** When `tick` has something to do, in milliseconds of the clock. */
  deadline = Number.POSITIVE_INFINITY
  /** Whether its client comes over an encrypted channel; undefined until that is known, and the same from then on. */
  #isSecure: boolean | undefined
  #jid: string | undefined = undefined
  readonly #keeper: SessionKeeper
  /** What waits for its client. */
  readonly outbox: Outbox
  /** How long its client may have nothing open, and since when it has not. */
  readonly inactivity: Inactivity
  #uplink!: Uplink
  #client: Client | undefined = undefined
  /** While a client logs in by itself; undefined once its JID is known, or cannot be any more. */
  #watch: LoginWatch | undefined
  /** What the rate shaper keeps of the session. */
  #paidAt = 0
  #outcome: Outcome | undefined = undefined
  #isOver = false

  /** `isSecure` is whether the client that opens it comes over an encrypted channel; undefined where none has come yet. */
  constructor(domain: string, origin: SessionView['origin'], keeper: SessionKeeper, isSecure?: boolean) {
    const { sid, id } = newSid()
    this.sid = sid
    this.id = id
    this.domain = domain
    this.origin = origin
    this.#createdAt = keeper.clock.now()
    this.#isSecure = isSecure
    this.#keeper = keeper
    this.outbox = new Outbox(keeper.mostElements)
    this.inactivity = new Inactivity(this.#createdAt)
    const loginEnd = this.#createdAt + keeper.loginMilliseconds
    this.#watch = origin === 'client' ? new LoginWatch(domain, loginEnd) : undefined
  }

  /** The full JID, once the server has told it. */
  get jid(): string | undefined {
    return this.#jid
  }

  get client(): Client | undefined {
    return this.#client
  }

  get link(): Link {
    return this.#uplink.link
  }

  /** Whether nothing has ended it. */
  get isLive(): boolean {
    return !this.#isOver && this.#outcome === undefined
  }

  /** Whether nothing can be done with it any more; its client has been told, or will never be. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** How it ended, as long as its client has yet to be told. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** What may be known of it. */
  get view(): SessionView {
    const hasNothingOpen = this.#client !== undefined && !this.#client.isPresent
    return {
      id: this.id,
      domain: this.domain,
      origin: this.origin,
      createdAt: this.#createdAt,
      jid: this.#jid,
      state: this.state,
      quietSince: hasNothingOpen ? this.inactivity.since : undefined,
    }
  }

  get state(): SessionState {
    if (this.#outcome !== undefined) return 'ended'
    if (this.#jid === undefined || this.#uplink.isOpening) return 'opening'
    return this.#client?.isPresent === true ? 'held' : this.inactivity.kind
  }

  /** What is to be sent to a client over an encrypted channel must not be sent over another from then on. */
  get isSecure(): boolean {
    return this.#isSecure === true
  }

  /** The first request of a browser has come over this kind of channel. */
  learnChannel(isSecure: boolean): void {
    this.#isSecure ??= isSecure
  }

  /**
   * Opens the link to the XMPP server, which `events` hears, for the first client: a browser that logs in by itself, or a
   * login of this process.
   */
  begin(client: Client, options: LinkOptions, events: LinkEvents = this): void {
    this.#client = client
    this.#uplink = new Uplink(this.#keeper.connect(this.domain, options, events))
  }

  /** The login of this process is done, and the session waits for its page, which `client` speaks for. */
  handOut(client: Client, jid: string, undelivered: readonly Element[], seconds: number): void {
    this.#uplink.opened()
    this.outbox.putBack(undelivered)
    if (this.outbox.isFull) this.link.pause()
    this.#learn(jid)
    this.#awaitPage(client, seconds)
  }

  /**
   * Passes a session that is logged in from one page to another: what is open is answered, later requests of the first
   * page are refused, and what may have been lost on the way to it is delivered again, before all else. Undefined, and
   * nothing has changed, if there is no such session any more or not yet.
   */
  resume(handover: Handover): ResumedSession | undefined {
    const jid = this.#jid
    if (!this.isLive || jid === undefined || this.#uplink.isOpening) return undefined
    const successor = this.#client?.succeed(handover)
    if (successor === undefined) return undefined
    this.#paidAt = 0
    this.#awaitPage(successor.client, handover.seconds)
    return { id: this.id, jid, ...successor.handedOut }
  }

  // What the client asks of its session.

  /** Takes out the oldest elements that wait for the client, as many as go into one delivery; none if there are none. */
  take(): readonly Element[] {
    const wasFull = this.outbox.isFull
    const elements = this.outbox.take()
    if (wasFull && !this.outbox.isFull) this.link.resume()
    return elements
  }

  /** When the client may send more, in milliseconds of the clock. */
  get freeAt(): number {
    return this.#keeper.shaper.freeAt(this.#paidAt)
  }

  /** Whether the server has yet to take so much that the client should send no more. */
  get isBehind(): boolean {
    return this.#uplink.isBehind
  }

  /** Sends to the server what comes from the client. What is sent while the stream is being opened waits for its features. */
  send(payload: Payload, now: number): void {
    if (payload.elements.length === 0) return
    this.#paidAt = this.#keeper.shaper.charge(this.#paidAt, payload.size, now)
    if (!this.isSecure && payload.revealsPassword) {
      this.outbox.add(encryptionRequired)
      return
    }
    if (this.#watch !== undefined) for (const element of payload.elements) this.#watch.sent(element)
    this.#uplink.send(payload)
    if (!this.#uplink.isOverfull) return
    this.#outcome = { reason: 'connection-lost' }
    this.link.close()
  }

  /**
   * Opens a new stream on the same connection (RFC 6120 §4.3.3). False where that must not be: only a client that has just
   * been let in may ask for it, once, for the same domain if it says `to` which, and the server must not be in the middle
   * of an element.
   */
  restart(to: string | undefined, options: StreamOptions): boolean {
    if (!this.link.isBetweenElements || this.#watch?.restart(to) !== true) return false
    this.#uplink.restart(options)
    return true
  }

  /** Takes note of what an operator may want to know; never of content. */
  notice(what: string): void {
    this.#keeper.log.info({ session: this.id }, what)
  }

  /** Something about the client has changed: says anew when time demands something. */
  schedule(): void {
    if (this.#isOver || this.#client === undefined) return
    const inactive = this.#client.isPresent ? Number.POSITIVE_INFINITY : this.inactivity.end
    this.deadline = Math.min(inactive, this.#client.deadline, this.#watch?.end ?? Number.POSITIVE_INFINITY)
  }

  /** Does what time demands; called when `deadline` has passed. */
  tick(): void {
    const now = this.#keeper.clock.now()
    if (this.#watch !== undefined && now >= this.#watch.end) this.expel('login-timeout')
    else this.#client!.tick(now)
    if (this.#isOver) return
    if (this.#client!.isPresent || now < this.inactivity.end) this.schedule()
    else this.abandon(this.inactivity.kind === 'waiting' ? 'attach-timeout' : 'inactivity')
  }

  /** Ends the session at once, at the wish of its user or of an admin; its client is told. */
  end(reason: 'client' | 'logout'): void {
    this.#client?.dismiss()
    this.abandon(reason)
  }

  /**
   * Ends the session because the service stops: its client gets what is queued and is told. The XMPP server sees its user
   * leave at once, unless there is something left that may yet have to go back to its sender.
   */
  shutDown(): void {
    this.#finish({ reason: 'shutdown' })
    if (!this.#isOver && this.outbox.isEmpty) this.link.close()
  }

  /** Ends the session because of what its client left undone, or has too much of; the client is told. */
  expel(reason: 'login-timeout' | 'limit'): void {
    this.guard(() => {
      this.#watch = undefined
      this.link.close()
      this.#finish({ reason })
    })
  }

  /**
   * Ends the session because it failed at something that was not foreseen: its state cannot be relied on any more. The
   * client is told, and no other session notices.
   */
  collapse(cause: unknown): void {
    this.#isOver = true
    this.deadline = Number.POSITIVE_INFINITY
    const acts = [() => this.#keeper.broke(this, cause), () => this.link.close(), () => this.#client?.fail()]
    for (const act of acts) {
      try {
        act()
      } catch {
        // What is broken may break here, too, and has been reported.
      }
    }
  }

  /**
   * Ends the session without a word to its client; the XMPP server sees an orderly end. What had ended it before, with its
   * client not told yet, is the reason rather than the one given here.
   */
  abandon(reason: EndReason): void {
    if (this.#isOver) return
    this.#isOver = true
    this.deadline = Number.POSITIVE_INFINITY
    const isLogin = this.origin === 'warmed' && this.#jid === undefined
    this.#uplink.close(this.outbox.clear())
    this.#client?.close()
    this.#keeper.ended(this, isLogin ? 'login' : (this.#outcome?.reason ?? reason))
  }

  /** Runs what nothing above would catch. */
  guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.collapse(error)
    }
  }

  // What the link tells.

  onOpen(header: StreamHeader): void {
    this.#client?.onOpen(header)
  }

  onElement(element: Element): void {
    if (this.#jid === undefined) {
      this.heardInLogin(element)
      const loggedIn = this.#watch?.received(element)
      if (loggedIn !== undefined) {
        this.#learn(loggedIn.jid)
        // It may have been one session too many.
        if (!this.isLive) return
      }
    }
    if (element.namespace !== streamsNamespace || element.name !== 'features') {
      this.outbox.add(element)
      if (this.outbox.isFull) this.link.pause()
      return
    }
    this.outbox.add(visibleFeatures(element, this.isSecure))
    this.#uplink.opened()
  }

  /** Takes note where the server refuses a login with this element. */
  heardInLogin(element: Element): void {
    const code = refusedLogin(element)
    if (code !== undefined) this.#keeper.counts.linkFailures.add('sasl', code)
  }

  onUnfit(fate: Fate): void {
    this.#keeper.unfit(this, fate)
  }

  onFlush(): void {
    if (!this.outbox.isEmpty) this.#client?.flush()
  }

  onDrain(): void {
    this.#client?.flush()
  }

  onEnd({ failure, streamError }: LinkEnd): void {
    this.guard(() => {
      if (failure.code === 'internal-error') {
        this.collapse(failure.cause)
        return
      }
      if (this.#jid === undefined) this.#keeper.counts.linkFailures.add(failure.step, failure.code)
      const told = failure.condition === 'conflict' ? 'replaced' : 'stream-error'
      this.#finish({ reason: streamError === undefined ? 'connection-lost' : told, streamError })
    })
  }

  /** The session is over as soon as its client has been told; what is queued goes first. */
  #finish(outcome: Outcome): void {
    if (!this.isLive) return
    this.#outcome = outcome
    this.#client?.flush()
  }

  /** The server takes the client for one of its users, and may have told with which JID. */
  #learn(jid: string | undefined): void {
    this.#watch = undefined
    this.#jid = jid
    this.#keeper.loggedIn(this)
  }

  /** From now on `client` speaks for the session's page, which has `seconds` for its first request. */
  #awaitPage(client: Client, seconds: number): void {
    this.#client = client
    this.inactivity.allow('waiting', seconds)
    this.inactivity.begin(this.#keeper.clock.now())
    this.schedule()
  }
}
