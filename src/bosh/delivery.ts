import type { Counts } from '../counts.js'
import type { Peer, Reply } from '../exchange.js'
import type { Clock } from '../lib/clock.js'
import type { Failure } from '../link.js'
import { attribute, errorBody, writeBody } from './body.js'
import type { OpenRequests, Pending } from './open-requests.js'
import type { Outbox } from './outbox.js'
import type { Owner } from './owner.js'
import type { ReplyWriter } from './replies.js'
import type { Silence } from './silence.js'
import type { Upstream } from './upstream.js'
import type { RidWindow, StoredReply } from './window.js'

/** The parts of a session that have to do with replies. */
export interface DeliveryParts {
  /** The session's handle. */
  readonly id: string
  readonly clock: Clock
  readonly counts: Counts
  readonly owner: Owner
  readonly window: RidWindow
  readonly open: OpenRequests
  readonly outbox: Outbox
  readonly replies: ReplyWriter
  readonly silence: Silence
  readonly upstream: Upstream
}

/** Age from which on a reply that was not acknowledged is reported, in milliseconds (XEP-0124 §9.2). */
const reportMilliseconds = 500

/** Gives what the server sent to the requests that wait for it, in the order of their rids (XEP-0124 §8, §14.2). */
export class Delivery {
  readonly #parts: DeliveryParts
  /** Whether the last reply had something in it. */
  #fruitful = false

  constructor(parts: DeliveryParts) {
    this.#parts = parts
  }

  get fruitful(): boolean {
    return this.#fruitful
  }

  /** Hands out all that is queued, as far as there are requests that somebody waits for. */
  deliver(): void {
    const { open, outbox } = this.#parts
    while (!outbox.isEmpty) {
      const live = open.oldestLive
      if (live === undefined) return
      // Replies keep the order of the rids: what nobody waits for is answered empty, for a repeat to find.
      while (open.oldest !== live) this.answerOldest()
      this.answerOldest()
    }
  }

  /** Answers the oldest held request with what is queued, or with nothing. */
  answerOldest(): void {
    const { open, outbox, owner, replies, upstream } = this.#parts
    const pending = open.shift()!
    if (pending.peer.gone) {
      // What is told only once is kept for somebody who hears it.
      this.#answer(pending, writeBody(this.#attributesOf(pending), ''))
      return
    }
    const wasFull = outbox.isFull
    // A login reads its own elements one by one: what follows the last of them is the browser's.
    const parcel = outbox.take(owner.isLogin ? 1 : Number.POSITIVE_INFINITY)
    if (wasFull && !outbox.isFull) upstream.resume()
    this.#fruitful = parcel.payload !== ''
    this.#answer(pending, replies.write(parcel, this.#attributesOf(pending)))
  }

  /** Answers the requests that have waited for as long as they may. */
  answerExpired(now: number): void {
    const { counts, open, window, silence } = this.#parts
    for (const parked of open.unparkExpired(now, window.last)) {
      counts.gapTimeouts += 1
      // It counts as not received; the client sends it again with the missing one (XEP-0124 §17.3).
      parked.waiter.answer(this.reply(errorBody))
      silence.begin(now)
    }
    while (open.hasExpired(now)) {
      counts.waitTimeouts += 1
      this.answerOldest()
    }
  }

  /** Answers every held request, the newest with nothing whatever is queued. */
  answerAll(): void {
    const { open } = this.#parts
    while (open.heldCount > 1) this.answerOldest()
    const pending = open.shift()!
    this.#answer(pending, writeBody(this.#attributesOf(pending), ''))
  }

  /**
   * Lets go of what the client has received; what it should have by now and has not is reported to it, with the
   * attributes that are given back.
   */
  acknowledge(rid: number, ack = rid - 1): string | undefined {
    const { window, clock } = this.#parts
    window.acknowledge(ack)
    const missing = ack < (window.lastAnswered ?? 0) ? window.replyTo(ack + 1) : undefined
    if (missing === undefined) return undefined
    const age = clock.now() - missing.at
    if (age < reportMilliseconds) return undefined
    return attribute('report', missing.rid) + attribute('time', Math.min(Math.round(age), 65535))
  }

  /** The same reply once more, and for the same words as before also what goes with it. */
  giveAgain(stored: StoredReply, peer: Peer, inTheSameWords: boolean): Reply {
    const { clock, counts, owner, silence } = this.#parts
    const now = clock.now()
    stored.repeats += 1
    counts.replays += 1
    silence.begin(now)
    const reply = this.reply(stored.text)
    return inTheSameWords ? owner.stamp(reply, stored.rid, peer, now) : reply
  }

  /** Puts a `<body/>` into the envelope. */
  reply(text: string): Reply {
    return this.withFacts(this.#parts.replies.wrap(text))
  }

  /** Adds, for a login in this process, what the body cannot say. */
  withFacts(reply: Reply, failure?: Failure): Reply {
    const { id, owner, upstream } = this.#parts
    if (!owner.isLogin) return reply
    const { status, body, contentType } = reply
    const link = upstream.facts
    return { status, body, contentType, facts: failure === undefined ? { id, link } : { id, link, failure } }
  }

  #attributesOf({ rid, report = '' }: Pending): string {
    const { window } = this.#parts
    // What was received up to here, unless that is what the reply says by itself (XEP-0124 §9.1).
    const isBehind = window.acknowledged && rid !== window.last
    return (isBehind ? attribute('ack', window.last) : '') + report
  }

  #answer({ rid, peer, waiter, key, digest }: Pending, text: string): void {
    const { clock, owner, window, silence } = this.#parts
    const at = clock.now()
    if (!owner.isLogin) window.store({ rid, text, at, key, digest })
    // Silence goes on where nobody is there to hear the reply.
    if (!peer.gone) silence.begin(at)
    waiter.answer(owner.stamp(this.reply(text), rid, peer, at))
  }
}
