import type { UnfinishedBodies } from '../../http/bodies/unfinished-bodies.js'
import type { EndReason } from '../../lib/counts.js'
import type { Condition } from '../../lib/errors.js'
import type { Client } from '../../session/client.js'
import type { Session } from '../../session/session.js'
import type { CommonParts } from '../../session/session-keeper.js'
import type { StreamHeader } from '../../xmpp/link.js'
import { streamsNamespace, xboshNamespace } from '../../xmpp/namespaces.js'
import { unreachable } from '../../xmpp/stream-errors.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { AttachCookie, CookieRules } from './attach-cookie.js'
import { emptyBody, errorBody, writeBody, writeRefusal, writeTerminate } from './body.js'
import { OpenRequests } from './open-requests.js'
import { noAnswer, type Peer, type Reply } from './peer.js'
import type { Fault } from './request-rules.js'
import { type Beginning, RidWindow, type StoredReply } from './rid-window.js'
import { type Terms, termAttributes } from './terms.js'

export interface BoshParts {
  readonly common: CommonParts
  readonly cookies: (domain: string) => CookieRules
  readonly bodies: UnfinishedBodies
}

export interface Start {
  readonly terms: Terms
  readonly rid: number
  /** XEP-0124 §15. */
  readonly newkey: string | undefined
  readonly cookie: AttachCookie | undefined
  readonly by: Beginning
  /** The last rid of earlier pages. */
  readonly received?: number | undefined
}

export interface NextPageRecord {
  readonly terms: Terms
  readonly rid: number
  readonly received: number
}

/** XEP-0124 §17.2. */
const conditionOf: Partial<Record<EndReason, Condition>> = {
  'connection-lost': 'remote-connection-failed',
  replaced: 'remote-stream-error',
  'stream-error': 'remote-stream-error',
  'login-timeout': 'policy-violation',
  'refused-logins': 'policy-violation',
  limit: 'policy-violation',
  'policy-violation': 'policy-violation',
  shutdown: 'system-shutdown',
}

/** Avoids `remote-connection-failed` after a login, because Converse shows no error for it. */
export function conditionFor(reason: EndReason, wasLoggedIn: boolean): Condition | undefined {
  return wasLoggedIn && reason === 'connection-lost' ? 'remote-stream-error' : conditionOf[reason]
}

const sentenceOf = (condition: Condition | undefined) =>
  condition === 'remote-connection-failed' ? unreachable : undefined

/** XEP-0124 §17.1. */
const legacyStatus: Partial<Record<Condition, number>> = {
  'bad-request': 400,
  'policy-violation': 403,
  'item-not-found': 404,
}

/** XEP-0124 §8, §14.2. */
export class Delivery {
  readonly #session: Session
  readonly #parts: BoshParts
  readonly #terms: Terms
  readonly #cookie: AttachCookie | undefined
  readonly open: OpenRequests
  readonly window: RidWindow
  hadPayload = false
  /** Set while replies wait for a record, at most until their `wait` expires: see `awaitRecord`. */
  onKept: Client['onKept']
  #isRecorded = false
  #answersAll = false
  /** Attributes of the next reply: the first has the terms. Those of the stream header follow once it has arrived. */
  #attributes: string
  #isIntroduced: boolean
  /** Replies with stanzas, until it is known whether they have left for the client. */
  readonly #sending = new Set<StoredReply>()

  constructor(session: Session, parts: BoshParts, { terms, rid, cookie, by, received }: Start) {
    const isNew = by === 'created'
    this.#session = session
    session.outbox.setClientBytes(0)
    this.#parts = parts
    this.#terms = terms
    this.#cookie = cookie
    const { limits } = parts.common
    this.open = new OpenRequests(
      limits,
      parts.bodies,
      () => session.run(() => this.beginInactivity()),
      () => session.run(() => this.answerExpired(session.now)),
    )
    this.window = new RidWindow(rid, terms.requests, by, isNew && terms.acks, received)
    this.#attributes = isNew ? termAttributes(session.sid, rid, terms) : ''
    this.#isIntroduced = !isNew
  }

  onOpen({ from, id }: StreamHeader): void {
    if (this.#isIntroduced) return
    this.#isIntroduced = true
    this.#attributes += attribute('from', from) + attribute('authid', id)
    this.#attributes += ` xmlns:xmpp='${xboshNamespace}' xmpp:version='1.0' xmpp:restartlogic='true'`
  }

  /**
   * A page that attaches with the last rid, and sends stanzas with it, sends the next only after a record has this
   * request. Otherwise, a process that takes the session up would take the next for one that the page repeats.
   */
  awaitRecord(): void {
    this.#isRecorded = false
    this.onKept = isStored => {
      if (isStored && !this.#isRecorded) return
      this.onKept = undefined
      if (this.#answersAll) this.answerAll()
      this.#session.flush()
    }
    this.#session.keeper.kept?.keepNow(this.#session)
  }

  /** A record is made. */
  keeping(): void {
    this.#isRecorded = true
  }

  get #awaitsRecord(): boolean {
    return this.onKept !== undefined && !this.#session.hasEnded
  }

  deliver(): void {
    if (this.#awaitsRecord) return
    while (!this.#session.outbox.isEmpty) {
      const live = this.open.oldestLive
      if (live === undefined) return
      while (this.open.held[0] !== live) this.answerOldest()
      if (this.#mayLackReply) {
        // After an empty reply, a client that has all replies polls again.
        if (!this.#isSending) this.answerOldest(true)
        return
      }
      this.answerOldest(false)
    }
  }

  answerOldest(withNothing = this.#mayLackReply): void {
    const { window } = this
    const { rid, peer, key, digest } = this.open.take()
    let attributes = ''
    let payload = ''
    let hasStreamElement = false
    let stanzas = 0
    if (!withNothing && !peer.gone) {
      const elements = this.#session.outbox.take('bosh')
      this.hadPayload = elements.length > 0
      for (const { namespace, text } of elements) {
        payload += text
        if (namespace === 'jabber:client') stanzas += 1
        hasStreamElement ||= namespace === streamsNamespace
      }
      attributes = this.#attributes
      this.#attributes = ''
    }
    // XEP-0124 §9.1.
    if (window.hasAcks && rid !== window.last) attributes += attribute('ack', window.last)
    const text = writeBody(attributes, payload, hasStreamElement)
    const now = this.#session.now
    const stored: StoredReply = { rid, text, stanzas, key, digest, repeats: 0, mayBeLost: stanzas > 0 }
    window.store(stored, this.#session.outbox.mostBytes)
    this.#session.outbox.setClientBytes(window.bytes)
    if (!peer.gone) this.#replied(stanzas, now)
    this.#send(stored, this.#withCookie(this.wrap(text), rid, peer, now), peer)
  }

  #send(stored: StoredReply, reply: Reply, peer: Peer): void {
    if (!stored.mayBeLost) return void peer.answer(reply)
    const { repeats } = stored
    this.#sending.add(stored)
    peer.answer(reply, isSent => {
      // The client has repeated the request. Its earlier connection can stay open for a minute.
      if (stored.repeats !== repeats) return
      this.#sending.delete(stored)
      if (isSent) stored.mayBeLost = false
      const session = this.#session
      if (!session.outbox.isEmpty || session.hasEnded) session.run(() => session.flush())
    })
  }

  /** Many clients read replies as they arrive, so stanzas must not overtake an earlier reply. */
  get #mayLackReply(): boolean {
    return this.#isSending || this.window.mayLackReply
  }

  /** True if a reply is on its way, and its client had less than the time of inactivity for it. */
  get delaysEnd(): boolean {
    return this.#isSending && this.#session.now < this.#session.inactivity.end
  }

  get #isSending(): boolean {
    return this.#sending.size > 0
  }

  answerExcess(): void {
    if (this.#awaitsRecord) return
    const { isPolling, hold } = this.#terms
    const most = isPolling ? 0 : hold > 1 && this.#parts.common.limits.holdsTooMany ? 1 : hold
    while (this.open.held.length > most) this.answerOldest()
  }

  /** As `answerAll`, but after the record that replies wait for. */
  answerSoon(): void {
    if (this.#awaitsRecord) this.#answersAll = true
    else this.answerAll()
  }

  answerAll(): void {
    while (this.open.held.length > 0) this.answerOldest(this.open.held.length === 1 || this.#mayLackReply)
  }

  answerExpired(now: number): void {
    const { counts } = this.#parts.common
    for (const parked of this.open.unparkExpired(now, this.window.last)) {
      counts.gapTimeouts += 1
      // The client repeats the parked request after this error (XEP-0124 §17.3).
      parked.peer.answer(this.#repeatAnswer)
      this.beginInactivity(now)
    }
    while (this.open.held.some(({ expires }) => expires <= now)) {
      counts.waitTimeouts += 1
      this.answerOldest()
    }
  }

  /** The client perhaps sent the older copy last. */
  replace(older: Peer, by: Peer): void {
    this.#parts.common.counts.replays += 1
    older.answer(by.mayBeLate === true ? noAnswer : this.#repeatAnswer)
  }

  replay(stored: StoredReply, peer: Peer, isSameRequest: boolean): void {
    const now = this.#session.now
    stored.repeats += 1
    stored.mayBeLost = stored.stanzas > 0
    this.#parts.common.counts.replays += 1
    this.#replied(stored.stanzas, now)
    const reply = this.wrap(stored.text)
    this.#send(stored, isSameRequest ? this.#withCookie(reply, stored.rid, peer, now) : reply, peer)
  }

  wrap(body: string): Reply {
    return { status: 200, body, contentType: this.#terms.contentType }
  }

  /** XEP-0124 §17.3. With the status 200, Strophe would take it for the reply, and never repeat the request. */
  get #repeatAnswer(): Reply {
    return { status: 503, body: errorBody, contentType: this.#terms.contentType }
  }

  terminate(condition: Condition | undefined, streamError?: string, sentence = sentenceOf(condition)): Reply {
    const status = this.#terms.legacy && condition !== undefined ? legacyStatus[condition] : undefined
    if (status !== undefined) return { status, body: '', contentType: this.#terms.contentType }
    const isPlain = condition === undefined || streamError !== undefined || sentence === undefined
    return this.wrap(isPlain ? writeTerminate(condition, streamError) : writeRefusal(condition, sentence))
  }

  refuse([condition, sentence]: Fault, how = 'was refused'): Reply {
    this.#parts.common.counts.failedRequests += 1
    this.#session.notice(`a BOSH request ${how}: ${condition}: ${sentence}`)
    return this.terminate(condition, undefined, sentence)
  }

  /** A client can receive a reply as slowly as it likes. Its polls do not keep an ended session meanwhile. */
  #replied(stanzas: number, now: number): void {
    if (stanzas > 0) this.#session.inactivity.begin(now)
    else this.beginInactivity(now)
  }

  /** Does nothing for an ended session, because each call would keep the session for another period. */
  beginInactivity(now = this.#session.now): void {
    if (!this.#session.hasEnded) this.#session.inactivity.begin(now)
  }

  /** If the session stays here, repeated requests get empty replies. */
  cede(isPresent: boolean): void {
    if (isPresent) this.beginInactivity()
    for (const { rid, key, digest } of this.open.held)
      this.window.store({ rid, key, digest, repeats: 0, text: emptyBody, stanzas: 0, mayBeLost: false })
    this.open.answerAll(noAnswer)
  }

  #withCookie(reply: Reply, rid: number, peer: Peer, now: number): Reply {
    if (this.#cookie === undefined || peer.gone) return reply
    const setCookie = this.#cookie.setWith(rid, peer.secure, now)
    return setCookie === undefined ? reply : { ...reply, setCookie }
  }
}
