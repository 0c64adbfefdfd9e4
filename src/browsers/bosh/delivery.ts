import type { UnfinishedBodies } from '../../http/listening/unfinished-bodies.js'
import type { EndReason } from '../../lib/counts.js'
import type { Condition } from '../../lib/errors.js'
import type { Opener } from '../../session/opener.js'
import type { Session } from '../../session/session.js'
import type { StreamHeader } from '../../xmpp/link.js'
import { streamsNamespace } from '../../xmpp/namespaces.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { AttachCookie, CookieRules } from './attach-cookie.js'
import { errorBody, writeBody, writeTerminate } from './body.js'
import { OpenRequests } from './open-requests.js'
import type { Peer, Reply } from './peer.js'
import { announce, type Terms } from './terms.js'
import { type Beginning, RidWindow, type StoredReply } from './window.js'

/** What all sessions of a connection manager have in common. */
export interface BoshParts extends Pick<Opener, 'clock' | 'counts' | 'limits'> {
  /** How the cookies look that bind sessions at a domain to browsers. */
  readonly cookies: (domain: string) => CookieRules
  /** Counts the requests that wait for their turn, as it does those that have come in part. */
  readonly bodies: UnfinishedBodies
}

/** How a client begins. */
export interface Start {
  readonly terms: Terms
  /** The last rid that was used. */
  readonly rid: number
  /** Where a sequence of keys begins, if the client chose to prove itself (XEP-0124 §15). */
  readonly newkey: string | undefined
  readonly cookie: AttachCookie | undefined
  readonly by: Beginning
}

/** Age from which on a reply that was not acknowledged is reported, in milliseconds (XEP-0124 §9.2). */
const reportMilliseconds = 500

/** What clients are told of sessions that ended (XEP-0124 §17.2). */
export const conditionOf: Partial<Record<EndReason, Condition>> = {
  'connection-lost': 'remote-connection-failed',
  replaced: 'remote-stream-error',
  'stream-error': 'remote-stream-error',
  'login-timeout': 'policy-violation',
  'refused-logins': 'policy-violation',
  limit: 'policy-violation',
  'policy-violation': 'policy-violation',
  shutdown: 'system-shutdown',
}

/** Only clients of the protocol's first version are told by status (XEP-0124 §17.1). */
const legacyStatus: Partial<Record<Condition, number>> = {
  'bad-request': 400,
  'policy-violation': 403,
  'item-not-found': 404,
}

/**
 * Gives what the server sent to the requests that wait for it, in the order of their rids (XEP-0124 §8, §14.2), and writes
 * the replies: the first ones carry what was agreed and what the server said of itself.
 */
export abstract class Delivery {
  readonly session: Session
  protected readonly parts: BoshParts
  protected readonly terms: Terms
  protected readonly cookie: AttachCookie | undefined
  protected readonly open: OpenRequests
  protected readonly window: RidWindow
  /** Whether the last reply had something in it. */
  protected fruitful = false
  /** What the first reply says of the session; undefined where its page was told by other means. */
  #announcement: string | undefined
  #header: StreamHeader | undefined = undefined
  /** Whether the header was taken, or need not be told. */
  #isIntroduced: boolean

  constructor(session: Session, parts: BoshParts, { terms, rid, cookie, by }: Start) {
    const isNew = by === 'created'
    this.session = session
    session.keeps(0)
    this.parts = parts
    this.terms = terms
    this.cookie = cookie
    this.open = new OpenRequests(parts.limits, () => session.guard(() => this.requestBroken()))
    this.window = new RidWindow(rid, terms.requests, by, isNew && terms.acks)
    this.#announcement = isNew ? announce(session.sid, rid, terms) : undefined
    this.#isIntroduced = !isNew
  }

  /** Takes the server's stream header, for the next reply to tell. Only the first one counts. */
  onOpen(header: StreamHeader): void {
    if (this.#isIntroduced) return
    this.#header = header
    this.#isIntroduced = true
  }

  /** Hands out all that is queued, as far as there are requests whose clients wait for the reply. */
  protected deliver(): void {
    while (!this.session.outbox.isEmpty) {
      const live = this.open.oldestLive
      if (live === undefined) return
      // Replies keep the order of the rids: requests whose client is gone are answered empty, for a repeat to find.
      while (this.open.held[0] !== live) this.answerOldest()
      this.answerOldest()
    }
  }

  /** Answers the oldest held request with what is queued, or with nothing. */
  protected answerOldest(withNothing = false): void {
    const { window } = this
    const { rid, peer, key, digest, report } = this.open.take()
    let attributes = ''
    let payload = ''
    let hasStreamElement = false
    // What is told only once is kept for a client that hears it.
    if (!withNothing && !peer.gone) {
      const elements = this.session.take()
      this.fruitful = elements.length > 0
      for (const { namespace, text } of elements) {
        payload += text
        hasStreamElement ||= namespace === streamsNamespace
      }
      attributes = this.#firstAttributes()
    }
    // What was received up to here, unless that is what the reply says by itself (XEP-0124 §9.1).
    if (window.acknowledged && rid !== window.last) attributes += attribute('ack', window.last)
    const text = writeBody(attributes + report, payload, hasStreamElement)
    const at = this.parts.clock.now()
    window.store({ rid, text, at, key, digest, repeats: 0 }, this.session.mostBytes)
    this.session.keeps(window.bytes)
    // Inactivity goes on where no client hears the reply.
    if (!peer.gone) this.session.inactivity.begin(at)
    peer.answer(this.#withCookie(this.wrap(text), rid, peer, at))
  }

  /** Answers every held request, the newest with nothing whatever is queued. */
  protected answerAll(): void {
    while (this.open.held.length > 0) this.answerOldest(this.open.held.length === 1)
  }

  /** Answers the requests that have waited for as long as they may, and those before them. */
  protected answerExpired(now: number): void {
    const { counts } = this.parts
    for (const parked of this.open.unparkExpired(now, this.window.last)) {
      counts.gapTimeouts += 1
      // It counts as not received; the client sends it again with the missing one (XEP-0124 §17.3).
      parked.peer.answer(this.wrap(errorBody))
      this.session.inactivity.begin(now)
    }
    while (this.open.held.some(({ expires }) => expires <= now)) {
      counts.waitTimeouts += 1
      this.answerOldest()
    }
  }

  /** Lets go of what the client has received; gives back attributes that report what it should have by now and has not. */
  protected acknowledge(rid: number, ack = rid - 1): string {
    const { window } = this
    window.acknowledge(ack)
    this.session.keeps(window.bytes)
    const missing = ack < window.lastAnswered ? window.replyTo(ack + 1) : undefined
    const age = missing === undefined ? 0 : this.parts.clock.now() - missing.at
    if (age < reportMilliseconds) return ''
    return attribute('report', ack + 1) + attribute('time', Math.min(Math.round(age), 65535))
  }

  /** The same reply once more, and for the same words as before also the cookie that goes with it. */
  protected giveAgain(stored: StoredReply, peer: Peer, inTheSameWords: boolean): Reply {
    const now = this.parts.clock.now()
    stored.repeats += 1
    this.parts.counts.replays += 1
    this.session.inactivity.begin(now)
    const reply = this.wrap(stored.text)
    return inTheSameWords ? this.#withCookie(reply, stored.rid, peer, now) : reply
  }

  /** Puts a `<body/>` into the envelope. */
  protected wrap(body: string): Reply {
    return { status: 200, body, contentType: this.terms.contentType }
  }

  /** The reply that ends the session; without a condition where the client asked for the end. */
  protected terminate(condition: Condition | undefined, streamError?: string): Reply {
    const status = this.terms.legacy && condition !== undefined ? legacyStatus[condition] : undefined
    if (status !== undefined) return { status, body: '', contentType: this.terms.contentType }
    return this.wrap(writeTerminate(condition, streamError))
  }

  /** The client of an open request went away, and was there until now: inactivity begins. */
  protected requestBroken(): void {
    this.window.confirm()
    this.session.inactivity.begin(this.parts.clock.now())
    this.session.schedule()
  }

  /** What the creation reply says, or the next one if it had to leave before the server's header came. */
  #firstAttributes(): string {
    const terms = this.#announcement ?? ''
    this.#announcement = undefined
    if (this.#header === undefined) return terms
    const { from, id } = this.#header
    this.#header = undefined
    return (
      terms +
      attribute('from', from) +
      attribute('authid', id) +
      ` xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0' xmpp:restartlogic='true'`
    )
  }

  /** Adds the cookie to the reply to this request, if it is time for it. */
  #withCookie(reply: Reply, rid: number, peer: Peer, now: number): Reply {
    if (this.cookie === undefined || peer.gone) return reply
    const setCookie = this.cookie.setWith(rid, peer.secure, now)
    return setCookie === undefined ? reply : { ...reply, setCookie }
  }
}
