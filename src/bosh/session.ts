import type { LinkEnd, LinkEvents, LinkHandle } from '../c2s/link.js'
import type { Clock } from '../clock.js'
import type { Condition } from '../errors.js'
import type { Failure, Peer, Reply } from '../exchange.js'
import { streamsNamespace } from '../namespaces.js'
import type { HandedOver, LoggedIn } from '../sessions.js'
import type { Element } from '../xml/scanner.js'
import { attribute, type Body, emptyBody, errorBody, writeBody } from './body.js'
import { visibleFeatures } from './features.js'
import { OpenRequests, type Pending } from './open-requests.js'
import { Outbox, type OutboxLimits } from './outbox.js'
import { encryptionRequired, revealsPassword } from './payload.js'
import { ReplyWriter } from './replies.js'
import { isExtra, Rules } from './rules.js'
import type { Terms } from './terms.js'
import { Upstream } from './upstream.js'
import { RidWindow } from './window.js'

/** How the session is over, as its next request will be told. */
interface Outcome {
  readonly condition: Condition
  readonly streamError?: string | undefined
  readonly failure?: Failure | undefined
}

export interface SessionParts {
  readonly sid: string
  /** The handle that may be shown; no secret. */
  readonly id: string
  readonly terms: Terms
  /** The creation request's rid. */
  readonly rid: number
  /** Where a sequence of keys begins, if the client chose to prove itself (XEP-0124 §15). */
  readonly newkey: string | undefined
  readonly peer: Peer
  readonly clock: Clock
  readonly outboxLimits: OutboxLimits
  /** Opens the link to the XMPP server; called once. */
  readonly connect: (events: LinkEvents) => LinkHandle
  /** Takes note of what an operator may want to know; never of content. */
  readonly onNotice: (what: string) => void
  /** Called once, when the session is over and nothing of it can be asked for any more. */
  readonly onEnd: (session: Session) => void
}

/** Longest time for features before the creation request is answered without them, in seconds. */
const createSeconds = 5
/** Longest time that a request waits for the one before it, in seconds. */
const gapSeconds = 30
/** Age from which on a reply that was not acknowledged is reported, in milliseconds (XEP-0124 §9.2). */
const reportMilliseconds = 500
/** Closes the connection: what came over it is not to be trusted with an answer. */
const noAnswer: Reply = { status: 0, body: '', contentType: '' }

/**
 * One client's session: holds its requests, keeps their order and passes payloads both ways (XEP-0124 §8-§14).
 * All requests come through `create` and `handle`, all that the server says through the link's events.
 */
export class Session {
  readonly sid: string
  readonly id: string
  /** When `tick` has something to do, in milliseconds of the clock. */
  deadline = Number.POSITIVE_INFINITY
  readonly #terms: Terms
  readonly #clock: Clock
  readonly #upstream: Upstream
  readonly #onEnd: (session: Session) => void
  readonly #onNotice: (what: string) => void
  readonly #window: RidWindow
  readonly #open: OpenRequests
  readonly #outbox: Outbox
  readonly #replies: ReplyWriter
  /** Whether our login still uses the session, and not a browser. */
  #byLogin: boolean
  /** Whether its requests come over an encrypted channel; undefined until its browser's first one has. */
  #secure: boolean | undefined
  readonly #rules: Rules
  /** Whether the last reply had something in it. */
  #fruitful = false
  /** Longest silence, in seconds: the agreed one, a pause, or the time to attach. */
  #patience: number
  /** When the last reply left or the last open request broke. */
  #quietSince: number
  #outcome: Outcome | undefined
  #ended = false

  constructor(parts: SessionParts) {
    this.sid = parts.sid
    this.id = parts.id
    this.#terms = parts.terms
    this.#clock = parts.clock
    this.#onEnd = parts.onEnd
    this.#onNotice = parts.onNotice
    this.#byLogin = parts.peer.kind === 'login'
    this.#secure = this.#byLogin ? undefined : parts.peer.secure
    this.#rules = new Rules(parts.terms, parts.newkey)
    this.#window = new RidWindow(parts.rid, parts.terms.requests, parts.terms.acks)
    this.#open = new OpenRequests(() => this.#requestBroken())
    this.#outbox = new Outbox(parts.outboxLimits)
    this.#replies = new ReplyWriter(parts.sid, parts.rid, parts.terms)
    this.#patience = parts.terms.inactivity
    this.#quietSince = parts.clock.now()
    this.#upstream = new Upstream(parts.connect, {
      onOpen: header => this.#replies.introduce(header),
      onElement: element => this.#receive(element),
      onFlush: () => {
        if (!this.#outbox.isEmpty) this.#settle()
      },
      onEnd: end => this.#linkEnded(end),
    })
  }

  /** Answers the creation request; what it carries goes to the server once the stream is open. */
  create({ payload, digest }: Body, peer: Peer): Promise<Reply> {
    return inOrder(resolve => {
      const patience = this.#byLogin
        ? Number.POSITIVE_INFINITY
        : Math.min(this.#terms.wait, createSeconds) * 1000
      this.#open.hold({
        ...{ rid: this.#window.last, peer, resolve, key: undefined, digest, repeats: 0 },
        expires: this.#clock.now() + patience,
      })
      this.#forward(payload)
      this.#schedule()
    })
  }

  /** Answers a later request. */
  handle(body: Body, peer: Peer): Promise<Reply> {
    const { rid, key, digest } = body
    // Somebody who listens in may have the sid; the session lives on for its owner (XEP-0124 §19.1).
    if (this.#secure === true && !peer.secure) return Promise.resolve(noAnswer)
    if (rid === undefined || Number.isNaN(rid) || Number.isNaN(body.ack) || body.restart === undefined) {
      return this.#refuse('bad-request')
    }
    switch (this.#window.place(rid, isExtra(body) ? 1 : 0)) {
      case 'next':
        return inOrder(resolve => {
          this.#accept(body, { rid, peer, resolve, key, digest, repeats: 0, expires: this.#expiry() })
          this.#acceptParked()
          this.#settle()
        })
      case 'early':
        return this.#park(rid, body, peer)
      case 'repeated':
        return this.#repeat(rid, body, peer)
      case 'outside':
        return this.#refuse('item-not-found')
    }
  }

  /** Does what time demands; called when `deadline` has passed. */
  tick(): void {
    const now = this.#clock.now()
    for (const parked of this.#open.unparkExpired(now)) {
      // It counts as not received; the client sends it again with the missing one (XEP-0124 §17.3).
      parked.resolve(this.#reply(errorBody))
      this.#quietSince = now
    }
    while (this.#open.hasExpired(now)) this.#answerOldest()
    if (!this.#open.hasLive && now >= this.#quietSince + this.#patience * 1000) this.#destroy()
    else this.#schedule()
  }

  /**
   * Passes the session from our login to a browser, which has `seconds` for its first request.
   * What the server sent in the meantime waits for it, `strays` first. Undefined if the session is over.
   */
  handOver({ seconds, strays }: LoggedIn): HandedOver | undefined {
    if (this.#ended || this.#outcome !== undefined) return undefined
    this.#byLogin = false
    this.#outbox.putBack(strays)
    this.#window.handOver()
    this.#patience = seconds
    this.#quietSince = this.#clock.now()
    this.#schedule()
    return {}
  }

  /** Ends the session because the service stops: its client gets what is queued, then `system-shutdown`. */
  shutDown(): void {
    this.#upstream.close()
    this.#finish({ condition: 'system-shutdown' })
  }

  /** Ends the session without a word to its client; the XMPP server sees an orderly end. */
  abandon(): void {
    this.#destroy()
  }

  #accept(body: Body, taken: Pending): void {
    const report = this.#terms.acks ? this.#acknowledge(taken.rid, body.ack) : undefined
    const pending = report === undefined ? taken : { ...taken, report }
    this.#window.accept(pending.rid)
    this.#patience = this.#terms.inactivity
    if (!this.#byLogin) this.#secure ??= pending.peer.secure
    this.#open.hold(pending)
    if (this.#outcome !== undefined) return
    // Only while the stream is being opened can so many be open; what nobody waits for does not count.
    while (this.#open.heldCount > this.#terms.requests && this.#open.oldest!.peer.gone) this.#answerOldest()
    const at = { now: this.#clock.now(), unanswered: this.#open.heldCount, fruitful: this.#fruitful }
    const fault = this.#rules.broken(body, at)
    if (fault !== undefined) {
      this.#open.remove(pending)
      pending.resolve(this.#fault(fault))
    } else if (body.terminate) {
      this.#forward(body.payload)
      this.#terminate()
    } else if (body.restart === true) {
      this.#upstream.restart(body)
    } else {
      this.#forward(body.payload)
      if (body.pause !== undefined) this.#pause(body.pause)
      // What is reported as lost is to be asked for at once.
      else if (report !== undefined) while (this.#open.held(pending.rid) !== undefined) this.#answerOldest()
    }
  }

  /** Lets go of what the client has received; what it should have by now and has not is reported to it. */
  #acknowledge(rid: number, ack = rid - 1): string | undefined {
    this.#window.acknowledge(ack)
    const missing = ack < (this.#window.lastAnswered ?? 0) ? this.#window.replyTo(ack + 1) : undefined
    if (missing === undefined) return undefined
    const age = this.#clock.now() - missing.at
    if (age < reportMilliseconds) return undefined
    return attribute('report', missing.rid) + attribute('time', Math.min(Math.round(age), 65535))
  }

  #acceptParked(): void {
    for (;;) {
      const parked = this.#open.unpark(this.#window.last + 1)
      if (parked === undefined) return
      const { rid, peer, resolve, key, digest, repeats, body, answerBy } = parked
      this.#accept(body, { rid, peer, resolve, key, digest, repeats, expires: answerBy })
    }
  }

  /** Keeps a request unread until the ones before it have come. */
  #park(rid: number, body: Body, peer: Peer): Promise<Reply> {
    const older = this.#open.parked(rid)
    const fault = older === undefined ? undefined : this.#rules.brokenByRepeat(older, body)
    if (fault !== undefined) return this.#refuse(fault)
    return inOrder(resolve => {
      const expires = this.#clock.now() + Math.min(this.#terms.wait, gapSeconds) * 1000
      const repeats = older === undefined ? 0 : older.repeats + 1
      const answerBy = this.#expiry()
      const { key, digest } = body
      this.#open.park({ rid, peer, resolve, key, digest, repeats, body, expires, answerBy })
      older?.resolve(this.#reply(errorBody))
      this.#schedule()
    })
  }

  /** A rid that was received before: its reply once more, or its place among the held (XEP-0124 §14.3). */
  #repeat(rid: number, body: Body, peer: Peer): Promise<Reply> {
    const stored = this.#window.replyTo(rid)
    const held = stored === undefined ? this.#open.held(rid) : undefined
    const before = stored ?? held
    const fault = before === undefined ? 'item-not-found' : this.#rules.brokenByRepeat(before, body)
    if (fault !== undefined) return this.#refuse(fault)
    // Answered all the same, and what it carries is passed over: the rid is spent.
    if (before!.digest !== body.digest) this.#onNotice('a repeated request has another content')
    if (stored !== undefined) {
      stored.repeats += 1
      this.#quietSince = this.#clock.now()
      this.#schedule()
      return Promise.resolve(this.#reply(stored.text))
    }
    return inOrder(resolve => {
      const repeats = held!.repeats + 1
      const { key, digest } = held!
      this.#open.replace({ rid, peer, resolve, key, digest, repeats, expires: this.#expiry() })
      held!.resolve(this.#reply(errorBody))
      this.#settle()
    })
  }

  #forward(payload: readonly Element[]): void {
    if (payload.length === 0) return
    if (!this.#byLogin && this.#secure !== true && revealsPassword(payload)) {
      this.#outbox.add(encryptionRequired)
      return
    }
    this.#upstream.send(payload)
  }

  /** All open requests are answered, this one empty, and silence may be longer until the next (XEP-0124 §10). */
  #pause(seconds: number): void {
    while (this.#open.heldCount > 1) this.#answerOldest()
    const pending = this.#open.shift()!
    this.#answer(pending, writeBody(this.#attributesOf(pending), ''))
    this.#patience = seconds
  }

  #receive(element: Element): void {
    if (element.namespace !== streamsNamespace || element.name !== 'features') {
      this.#outbox.add(element)
      if (this.#outbox.isFull) this.#upstream.pause()
      return
    }
    this.#outbox.add(this.#byLogin ? element : visibleFeatures(element, this.#secure === true))
    this.#upstream.opened()
  }

  /** Answers every request that need not wait any longer. */
  #settle(): void {
    if (this.#ended) return
    while (!this.#outbox.isEmpty && this.#answerLive()) {}
    if (this.#outcome !== undefined) {
      this.#tell(this.#outcome)
      if (this.#ended) return
    }
    // While the stream is being opened its features are what the client waits for.
    const isOpening = this.#upstream.isOpening && this.#outcome === undefined
    if (!this.#byLogin && !isOpening) {
      const hold = this.#terms.isPolling ? 0 : this.#terms.hold
      while (this.#open.heldCount > hold) this.#answerOldest()
    }
    this.#schedule()
  }

  /** Gives queued elements to the oldest request somebody waits for; false if there is none. */
  #answerLive(): boolean {
    const live = this.#open.oldestLive
    if (live === undefined) return false
    // Replies keep the order of the rids: what nobody waits for is answered empty, for a repeat to find.
    while (this.#open.oldest !== live) this.#answerOldest()
    this.#answerOldest()
    return true
  }

  /** Answers the oldest held request with what is queued, or with nothing. */
  #answerOldest(): void {
    const pending = this.#open.shift()!
    if (pending.peer.gone) {
      // What is told only once is kept for somebody who hears it.
      this.#answer(pending, writeBody(this.#attributesOf(pending), ''))
      return
    }
    const wasFull = this.#outbox.isFull
    // A login reads its own elements one by one: what follows the last of them is the browser's.
    const parcel = this.#outbox.take(this.#byLogin ? 1 : Number.POSITIVE_INFINITY)
    if (wasFull && !this.#outbox.isFull) this.#upstream.resume()
    this.#fruitful = parcel.payload !== ''
    this.#answer(pending, this.#replies.write(parcel, this.#attributesOf(pending)))
  }

  #attributesOf({ rid, report = '' }: Pending): string {
    // What was received up to here, unless that is what the reply says by itself (XEP-0124 §9.1).
    const isBehind = this.#terms.acks && rid !== this.#window.last
    return (isBehind ? attribute('ack', this.#window.last) : '') + report
  }

  #answer({ rid, peer, resolve, key, digest }: Pending, text: string): void {
    const at = this.#clock.now()
    if (!this.#byLogin) this.#window.store({ rid, text, at, key, digest })
    // Silence goes on where nobody is there to hear the reply.
    if (!peer.gone) this.#quietSince = at
    resolve(this.#reply(text))
  }

  #reply(text: string): Reply {
    return this.#withFacts(this.#replies.wrap(text))
  }

  /** Adds, for a login in this process, what the body cannot say. */
  #withFacts(reply: Reply, failure?: Failure): Reply {
    if (!this.#byLogin) return reply
    const facts = { id: this.id, link: this.#upstream.facts }
    return { ...reply, facts: failure === undefined ? facts : { ...facts, failure } }
  }

  /** The client of an open request went away: silence begins. A login that leaves takes its session with it. */
  #requestBroken(): void {
    if (this.#byLogin) {
      this.#destroy()
      return
    }
    this.#quietSince = this.#clock.now()
    this.#schedule()
  }

  #linkEnded({ failure, streamError }: LinkEnd): void {
    const condition = streamError === undefined ? 'remote-connection-failed' : 'remote-stream-error'
    this.#finish({ condition, failure, streamError })
  }

  /** The session is over as soon as its client has been told; queued stanzas go first, in a reply of their own. */
  #finish(outcome: Outcome): void {
    if (this.#outcome !== undefined || this.#ended) return
    this.#outcome = outcome
    this.#settle()
  }

  /** Tells the oldest request somebody waits for how it ended; the others get nothing (XEP-0124 §17.2). */
  #tell({ condition, streamError, failure }: Outcome): void {
    // Clients do not look for stanzas in a reply that ends the session.
    if (!this.#outbox.isEmpty) return
    const pending = this.#open.oldestLive
    if (pending === undefined) return
    this.#open.remove(pending)
    pending.resolve(this.#withFacts(this.#replies.terminate(condition, streamError), failure))
    this.#destroy()
  }

  /** The client ends the session: its oldest request is told, the others get nothing (XEP-0124 §13). */
  #terminate(): void {
    const told = this.#open.oldestLive
    if (told !== undefined) {
      this.#open.remove(told)
      told.resolve(this.#replies.terminate(undefined))
    }
    this.#destroy()
  }

  #refuse(condition: Condition): Promise<Reply> {
    return inOrder(resolve => resolve(this.#fault(condition)))
  }

  /** The reply to a request that breaks the rules: the session ends, and all others learn that it was not they. */
  #fault(condition: Condition): Reply {
    for (const other of this.#open.clear()) other.resolve(this.#replies.terminate('other-request'))
    this.#destroy()
    return this.#withFacts(this.#replies.terminate(condition))
  }

  #destroy(): void {
    if (this.#ended) return
    this.#ended = true
    this.deadline = Number.POSITIVE_INFINITY
    this.#upstream.close(this.#outbox.clear())
    for (const pending of this.#open.clear()) pending.resolve(this.#reply(emptyBody))
    this.#onEnd(this)
  }

  /** When a request that comes now is answered at the latest. */
  #expiry(): number {
    // A login waits as long as its own deadline lets it.
    if (this.#byLogin) return Number.POSITIVE_INFINITY
    const { wait } = this.#terms
    // A little early, before proxies with the same patience give up: they count from earlier on.
    return this.#clock.now() + Math.min(wait, Math.max(1, wait * 0.9)) * 1000
  }

  #schedule(): void {
    if (this.#ended) return
    const silence = this.#open.hasLive ? Number.POSITIVE_INFINITY : this.#quietSince + this.#patience * 1000
    this.deadline = Math.min(silence, this.#open.nextExpiry)
  }
}

/**
 * A reply to come. Replies to several requests that are given in one turn reach those who wait in the order they
 * were given in, however long some have waited already (XEP-0124 §14.2).
 */
function inOrder(ask: (resolve: (reply: Reply) => void) => void): Promise<Reply> {
  return new Promise(resolve => ask(reply => queueMicrotask(() => resolve(reply))))
}
