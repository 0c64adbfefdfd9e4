import type { Counts } from '../counts.js'
import type { Clock } from '../lib/clock.js'
import type { Session } from '../session/session.js'
import type { AttachCookie } from './attach-cookie.js'
import { attribute, errorBody, writeBody } from './body.js'
import { type Load, OpenRequests, type Pending } from './open-requests.js'
import type { Peer, Reply } from './peer.js'
import type { ReplyWriter } from './replies.js'
import type { RidWindow, StoredReply } from './window.js'

/** What all sessions of a connection manager have in common. */
export interface BoshParts {
  readonly clock: Clock
  readonly counts: Counts
  readonly load: Load
}

/** Age from which on a reply that was not acknowledged is reported, in milliseconds (XEP-0124 §9.2). */
const reportMilliseconds = 500

/** Gives what the server sent to the requests that wait for it, in the order of their rids (XEP-0124 §8, §14.2). */
export class Delivery {
  readonly open: OpenRequests
  readonly window: RidWindow
  readonly writer: ReplyWriter
  readonly #session: Session
  readonly #parts: BoshParts
  readonly #cookie: AttachCookie | undefined
  #fruitful = false

  /** `onBroken` is called when the client of an open request goes away. */
  constructor(
    session: Session,
    parts: BoshParts,
    window: RidWindow,
    writer: ReplyWriter,
    cookie: AttachCookie | undefined,
    onBroken: () => void,
  ) {
    this.open = new OpenRequests(parts.load, onBroken)
    this.window = window
    this.writer = writer
    this.#session = session
    this.#parts = parts
    this.#cookie = cookie
  }

  /** Whether the last reply had something in it. */
  get fruitful(): boolean {
    return this.#fruitful
  }

  /** Hands out all that is queued, as far as there are requests whose clients wait for the reply. */
  deliver(): void {
    while (!this.#session.outbox.isEmpty) {
      const live = this.open.oldestLive
      if (live === undefined) return
      // Replies keep the order of the rids: requests whose client is gone are answered empty, for a repeat to find.
      while (this.open.oldest !== live) this.answerOldest()
      this.answerOldest()
    }
  }

  /** Answers the oldest held request with what is queued, or with nothing. */
  answerOldest(): void {
    const pending = this.open.shift()!
    if (pending.peer.gone) {
      // What is told only once is kept for a client that hears it.
      this.#answer(pending, writeBody(this.#attributesOf(pending), ''))
      return
    }
    const elements = this.#session.take()
    this.#fruitful = elements.length > 0
    this.#answer(pending, this.writer.write(elements, this.#attributesOf(pending)))
  }

  /** Answers the requests that have waited for as long as they may. */
  answerExpired(now: number): void {
    const { counts } = this.#parts
    for (const parked of this.open.unparkExpired(now, this.window.last)) {
      counts.gapTimeouts += 1
      // It counts as not received; the client sends it again with the missing one (XEP-0124 §17.3).
      parked.peer.answer(this.writer.wrap(errorBody))
      this.#session.inactivity.begin(now)
    }
    while (this.open.hasExpired(now)) {
      counts.waitTimeouts += 1
      this.answerOldest()
    }
  }

  /** Answers every held request, the newest with nothing whatever is queued. */
  answerAll(): void {
    while (this.open.heldCount > 1) this.answerOldest()
    const pending = this.open.shift()!
    this.#answer(pending, writeBody(this.#attributesOf(pending), ''))
  }

  /**
   * Lets go of what the client has received; what it should have by now and has not is reported to it, with the
   * attributes that are given back.
   */
  acknowledge(rid: number, ack = rid - 1): string | undefined {
    const { window } = this
    window.acknowledge(ack)
    const missing = ack < (window.lastAnswered ?? 0) ? window.replyTo(ack + 1) : undefined
    if (missing === undefined) return undefined
    const age = this.#parts.clock.now() - missing.at
    if (age < reportMilliseconds) return undefined
    return attribute('report', missing.rid) + attribute('time', Math.min(Math.round(age), 65535))
  }

  /** The same reply once more, and for the same words as before also the cookie that goes with it. */
  giveAgain(stored: StoredReply, peer: Peer, inTheSameWords: boolean): Reply {
    const now = this.#parts.clock.now()
    stored.repeats += 1
    this.#parts.counts.replays += 1
    this.#session.inactivity.begin(now)
    const reply = this.writer.wrap(stored.text)
    return inTheSameWords ? this.#withCookie(reply, stored.rid, peer, now) : reply
  }

  #attributesOf({ rid, report = '' }: Pending): string {
    const { window } = this
    // What was received up to here, unless that is what the reply says by itself (XEP-0124 §9.1).
    const isBehind = window.acknowledged && rid !== window.last
    return (isBehind ? attribute('ack', window.last) : '') + report
  }

  #answer({ rid, peer, key, digest }: Pending, text: string): void {
    const at = this.#parts.clock.now()
    this.window.store({ rid, text, at, key, digest })
    // Inactivity goes on where no client hears the reply.
    if (!peer.gone) this.#session.inactivity.begin(at)
    peer.answer(this.#withCookie(this.writer.wrap(text), rid, peer, at))
  }

  /** Adds the cookie to the reply to this request, if it is time for it. */
  #withCookie(reply: Reply, rid: number, peer: Peer, now: number): Reply {
    if (this.#cookie === undefined || peer.gone) return reply
    const setCookie = this.#cookie.setWith(rid, peer.secure, now)
    return setCookie === undefined ? reply : { ...reply, setCookie }
  }
}
