import type { Link, LinkEnd, LinkEvents } from '../c2s/link.js'
import { type StreamHeader, streamsNamespace } from '../c2s/stream-header.js'
import type { Clock } from '../clock.js'
import type { Condition } from '../errors.js'
import type { Facts, Failure, Peer, Reply } from '../exchange.js'
import type { Element } from '../xml/scanner.js'
import { attribute, type Body, emptyBody, errorBody, writeBody, writeTerminate } from './body.js'
import { visibleFeatures } from './features.js'
import { Outbox, type OutboxLimits } from './outbox.js'
import { announce, type Terms } from './terms.js'
import { RidWindow } from './window.js'

/** A request that has no reply yet. */
interface Pending {
  readonly rid: number
  peer: Peer
  resolve: (reply: Reply) => void
  /** When it is answered with nothing, in milliseconds of the clock. */
  expires: number
}

/** A request ahead of a gap. */
interface Parked extends Pending {
  readonly body: Body
}

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
  readonly peer: Peer
  readonly clock: Clock
  readonly outboxLimits: OutboxLimits
  /** Opens the link to the XMPP server; called once. */
  readonly connect: (events: LinkEvents) => Link
  /** Called once, when nothing of the session is left. */
  readonly onEnd: (session: Session) => void
}

/** Longest time for features before the creation request is answered without them, in seconds. */
const createSeconds = 5
/** Longest time that a request waits for the one before it, in seconds. */
const gapSeconds = 30

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
  readonly #link: Link
  readonly #onEnd: (session: Session) => void
  readonly #window: RidWindow
  readonly #outbox: Outbox
  /** In the order of their rids. */
  readonly #held: Pending[] = []
  readonly #parked = new Map<number, Parked>()
  /** Whether our login still uses the session, and not a browser. */
  #byLogin: boolean
  #secure: boolean
  /** Payloads that wait for the stream to be ready; undefined once it is. */
  #unsent: string | undefined = ''
  #announcement: string | undefined
  #header: StreamHeader | undefined
  /** Longest silence, in seconds: the agreed one, a pause, or the time to attach. */
  #patience: number
  /** When the last reply left or the last held request broke. */
  #quietSince: number
  #paused = false
  #outcome: Outcome | undefined
  #ended = false

  constructor(parts: SessionParts) {
    this.sid = parts.sid
    this.id = parts.id
    this.#terms = parts.terms
    this.#clock = parts.clock
    this.#onEnd = parts.onEnd
    this.#byLogin = parts.peer.kind === 'login'
    this.#secure = parts.peer.secure
    this.#window = new RidWindow(parts.rid, parts.terms.requests)
    this.#outbox = new Outbox(parts.outboxLimits)
    this.#announcement = announce(parts.sid, parts.terms)
    this.#patience = parts.terms.inactivity
    this.#quietSince = parts.clock.now()
    this.#link = parts.connect({
      onOpen: header => {
        this.#header = header
      },
      onElement: element => this.#receive(element),
      onFlush: () => this.#flush(),
      onEnd: end => this.#linkEnded(end),
    })
  }

  /** Answers the creation request. */
  create(body: Body, peer: Peer): Promise<Reply> {
    this.#unsent = payloadOf(body)
    return new Promise(resolve => {
      const patience = this.#byLogin
        ? Number.POSITIVE_INFINITY
        : Math.min(this.#terms.wait, createSeconds) * 1000
      this.#hold({ rid: this.#window.last, peer, resolve, expires: this.#clock.now() + patience })
      this.#schedule()
    })
  }

  /** Answers a later request. */
  handle(body: Body, peer: Peer): Promise<Reply> {
    const rid = body.rid
    if (rid === undefined || Number.isNaN(rid) || body.restart === undefined)
      return this.#fault('bad-request')
    const extra = body.terminate || body.pause !== undefined ? 1 : 0
    switch (this.#window.place(rid, extra)) {
      case 'next':
        return new Promise(resolve => {
          this.#accept(body, { rid, peer, resolve, expires: this.#expiry() })
          this.#acceptParked()
          this.#settle()
        })
      case 'early':
        return new Promise(resolve => this.#park({ rid, peer, resolve, body, expires: this.#gapExpiry() }))
      case 'repeated':
        return this.#repeat(rid, peer)
      case 'outside':
        return this.#fault('item-not-found')
    }
  }

  /** Does what time demands; called when `deadline` has passed. */
  tick(): void {
    const now = this.#clock.now()
    for (const parked of [...this.#parked.values()]) {
      if (parked.expires > now) continue
      // It counts as not received; the client sends it again with the missing one (XEP-0124 §17.3).
      this.#parked.delete(parked.rid)
      parked.resolve(this.#reply(errorBody))
      this.#quietSince = now
    }
    while (this.#held[0] !== undefined && this.#held[0].expires <= now) this.#answerOldest()
    if (!this.#hasLiveRequest() && now >= this.#quietSince + this.#patience * 1000) this.#destroy()
    else this.#schedule()
  }

  /**
   * Passes the session from our login to a browser, which has `seconds` for its first request.
   * What the server sent in the meantime waits for it, `strays` first. False if the session is over.
   */
  handOver(seconds: number, strays: readonly Element[]): boolean {
    if (this.#ended || this.#outcome !== undefined) return false
    this.#byLogin = false
    this.#outbox.putBack(strays)
    this.#window.handOver()
    this.#patience = seconds
    this.#quietSince = this.#clock.now()
    this.#schedule()
    return true
  }

  /** Ends the session because the service stops: clients get what is queued, then `system-shutdown`. */
  shutDown(): void {
    this.#finish({ condition: 'system-shutdown' })
    this.#link.close()
  }

  /** Ends the session without a word to its client; the XMPP server sees an orderly end. */
  abandon(): void {
    this.#destroy()
  }

  #accept(body: Body, pending: Pending): void {
    this.#window.accept(pending.rid)
    if (this.#paused) {
      this.#paused = false
      this.#patience = this.#terms.inactivity
    }
    if (!this.#byLogin) this.#patience = this.#terms.inactivity
    this.#hold(pending)
    if (this.#outcome !== undefined) return
    if (Number.isNaN(body.pause) || (body.pause !== undefined && this.#terms.maxPause === 0)) {
      this.#failBy(pending, 'bad-request')
    } else if (body.pause !== undefined && body.pause > this.#terms.maxPause) {
      this.#failBy(pending, 'policy-violation')
    } else if (body.payload.some(isTransportNegotiation)) {
      this.#failBy(pending, 'bad-request')
    } else if (body.terminate) {
      this.#terminate(body)
    } else if (body.restart === true) {
      this.#restart(body)
    } else {
      this.#forward(payloadOf(body), body.payload)
      if (body.pause !== undefined) this.#pause(body.pause)
    }
  }

  #acceptParked(): void {
    for (;;) {
      const parked = this.#parked.get(this.#window.last + 1)
      if (parked === undefined) return
      this.#parked.delete(parked.rid)
      const { rid, peer, resolve, body } = parked
      this.#accept(body, { rid, peer, resolve, expires: this.#expiry() })
    }
  }

  #park(parked: Parked): void {
    const before = this.#parked.get(parked.rid)
    before?.resolve(this.#reply(errorBody))
    this.#parked.set(parked.rid, parked)
    parked.peer.whenGone = () => {
      if (this.#parked.get(parked.rid) === parked) this.#parked.delete(parked.rid)
      this.#quietSince = this.#clock.now()
      this.#schedule()
    }
    this.#schedule()
  }

  #repeat(rid: number, peer: Peer): Promise<Reply> {
    const held = this.#held.find(pending => pending.rid === rid)
    if (held !== undefined) {
      return new Promise(resolve => {
        held.resolve(this.#reply(errorBody))
        held.peer.whenGone = undefined
        held.peer = peer
        held.resolve = resolve
        held.expires = this.#expiry()
        this.#watch(held)
        this.#settle()
      })
    }
    const text = this.#window.replyTo(rid)
    if (text === undefined) return this.#fault('item-not-found')
    this.#quietSince = this.#clock.now()
    this.#schedule()
    return Promise.resolve(this.#reply(text))
  }

  #hold(pending: Pending): void {
    this.#held.push(pending)
    this.#watch(pending)
  }

  /** A held request whose client went away is no place to put a reply. */
  #watch(pending: Pending): void {
    pending.peer.whenGone = () => {
      if (this.#byLogin) {
        this.#destroy()
        return
      }
      this.#quietSince = this.#clock.now()
      this.#schedule()
    }
  }

  #forward(text: string, payload: readonly Element[]): void {
    if (text === '') return
    if (!this.#secure && payload.some(isPlainAuth)) {
      this.#outbox.add(encryptionRequired)
      return
    }
    if (this.#unsent === undefined) this.#link.send(text)
    else this.#unsent += text
  }

  #restart({ to, lang, from }: Body): void {
    this.#unsent ??= ''
    this.#link.restart({
      ...(to === undefined ? {} : { to }),
      ...(lang === undefined ? {} : { lang }),
      ...(from === undefined ? {} : { from }),
    })
  }

  /** All open requests are answered, this one empty, and silence is allowed for longer (XEP-0124 §10). */
  #pause(seconds: number): void {
    while (this.#held.length > 1) this.#answerOldest()
    this.#answer(this.#held.shift()!, emptyBody)
    this.#paused = true
    this.#patience = seconds
  }

  #receive(element: Element): void {
    if (element.namespace !== streamsNamespace || element.name !== 'features') {
      this.#outbox.add(element)
      if (this.#outbox.isFull) this.#link.pause()
      return
    }
    this.#outbox.add(this.#byLogin ? element : visibleFeatures(element, this.#secure))
    const unsent = this.#unsent
    this.#unsent = undefined
    if (unsent) this.#link.send(unsent)
  }

  /** Once for everything that came in one read: what arrives together leaves together. */
  #flush(): void {
    if (this.#outbox.isEmpty) return
    this.#settle()
  }

  /** Answers every request that need not wait any longer. */
  #settle(): void {
    while (!this.#outbox.isEmpty && this.#answerLive()) {}
    // While the stream is being opened the features are what the client waits for.
    const mayHold = this.#byLogin || this.#unsent !== undefined
    const hold = this.#terms.wait === 0 ? 0 : this.#terms.hold
    while (!mayHold && this.#held.length > hold) this.#answerOldest()
    if (this.#outcome !== undefined) this.#tell(this.#outcome)
    if (!this.#ended) this.#schedule()
  }

  /** Gives queued elements to the oldest request somebody waits for; false if there is none. */
  #answerLive(): boolean {
    const live = this.#held.findIndex(pending => !pending.peer.gone)
    if (live < 0) return false
    // Replies go out in order: what nobody waits for is stored as empty for a repeat.
    for (let before = 0; before < live; before++) this.#answer(this.#held.shift()!, emptyBody)
    this.#answerOldest()
    return true
  }

  /** Answers the oldest request with what is queued, or with nothing. */
  #answerOldest(): void {
    const pending = this.#held.shift()!
    if (pending.peer.gone) {
      this.#answer(pending, emptyBody)
      return
    }
    const wasFull = this.#outbox.isFull
    const parcel = this.#outbox.take(this.#byLogin ? 1 : Number.POSITIVE_INFINITY)
    if (wasFull && !this.#outbox.isFull) this.#link.resume()
    const attributes = this.#firstAttributes()
    this.#answer(pending, writeBody(attributes, parcel.payload, parcel.hasStreamElement))
  }

  #answer(pending: Pending, text: string): void {
    pending.peer.whenGone = undefined
    if (!this.#byLogin) this.#window.store(pending.rid, text)
    this.#quietSince = this.#clock.now()
    pending.resolve(this.#reply(text))
  }

  /** What the creation reply says, or the next one if it had to leave before the server's header came. */
  #firstAttributes(): string {
    if (this.#announcement === undefined && this.#header === undefined) return ''
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

  #reply(body: string, failure?: Failure): Reply {
    const { contentType } = this.#terms
    return this.#byLogin
      ? { status: 200, body, contentType, facts: this.#facts(failure) }
      : { status: 200, body, contentType }
  }

  #facts(failure: Failure | undefined): Facts {
    const facts = { id: this.id, link: this.#link.facts }
    return failure === undefined ? facts : { ...facts, failure }
  }

  #linkEnded({ failure, streamError }: LinkEnd): void {
    const condition = streamError === undefined ? 'remote-connection-failed' : 'remote-stream-error'
    this.#finish({ condition, failure, streamError })
  }

  /** The session is over as soon as somebody has been told; queued stanzas go first. */
  #finish(outcome: Outcome): void {
    if (this.#outcome !== undefined || this.#ended) return
    this.#outcome = outcome
    this.#unsent = undefined
    this.#settle()
  }

  /** Tells the oldest live request how it ended; the others get nothing (XEP-0124 §17.2). */
  #tell({ condition, streamError, failure }: Outcome): void {
    if (!this.#outbox.isEmpty) return
    const pending = this.#held.find(({ peer }) => !peer.gone)
    if (pending === undefined) return
    this.#held.splice(this.#held.indexOf(pending), 1)
    pending.resolve(this.#terminated(condition, streamError, failure))
    this.#destroy()
  }

  /** The client ends the session (XEP-0124 §13). */
  #terminate(body: Body): void {
    this.#forward(payloadOf(body), body.payload)
    const oldest = this.#held.find(({ peer }) => !peer.gone)
    for (const pending of this.#held) {
      const text = pending === oldest ? writeTerminate(undefined) : emptyBody
      pending.resolve(this.#reply(text))
    }
    this.#held.length = 0
    this.#destroy()
  }

  /** A request that breaks the rules ends the session and is told so. */
  #fault(condition: Condition): Promise<Reply> {
    const reply = this.#terminated(condition)
    for (const pending of this.#held) pending.resolve(this.#terminated('other-request'))
    this.#held.length = 0
    this.#destroy()
    return Promise.resolve(reply)
  }

  #failBy(pending: Pending, condition: Condition): void {
    this.#held.splice(this.#held.indexOf(pending), 1)
    pending.resolve(this.#terminated(condition))
    for (const other of this.#held) other.resolve(this.#terminated('other-request'))
    this.#held.length = 0
    this.#destroy()
  }

  #terminated(condition: Condition, streamError?: string, failure?: Failure): Reply {
    const status = this.#terms.legacy ? legacyStatus[condition] : undefined
    if (status !== undefined) return { status, body: '', contentType: this.#terms.contentType }
    return this.#reply(writeTerminate(condition, streamError), failure)
  }

  #destroy(): void {
    if (this.#ended) return
    this.#ended = true
    this.deadline = Number.POSITIVE_INFINITY
    this.#link.close()
    for (const pending of [...this.#held, ...this.#parked.values()]) {
      pending.peer.whenGone = undefined
      pending.resolve(this.#reply(emptyBody))
    }
    this.#held.length = 0
    this.#parked.clear()
    this.#onEnd(this)
  }

  #expiry(): number {
    const { wait } = this.#terms
    // A login waits as long as its own deadline lets it.
    if (this.#byLogin) return Number.POSITIVE_INFINITY
    // Before proxies with the same patience give up; they count from earlier on.
    return this.#clock.now() + Math.min(wait, Math.max(1, wait * 0.9)) * 1000
  }

  #gapExpiry(): number {
    return this.#clock.now() + Math.min(this.#terms.wait, gapSeconds) * 1000
  }

  #hasLiveRequest(): boolean {
    return this.#parked.size > 0 || this.#held.some(({ peer }) => !peer.gone)
  }

  #schedule(): void {
    let next = this.#held[0]?.expires ?? Number.POSITIVE_INFINITY
    for (const { expires } of this.#parked.values()) next = Math.min(next, expires)
    if (!this.#hasLiveRequest()) next = Math.min(next, this.#quietSince + this.#patience * 1000)
    this.deadline = next
  }
}

/** Only clients without a `ver` are told by status (XEP-0124 §17.1). */
const legacyStatus: Partial<Record<Condition, number>> = {
  'bad-request': 400,
  'policy-violation': 403,
  'item-not-found': 404,
}

const saslNamespace = 'urn:ietf:params:xml:ns:xmpp-sasl'

const encryptionRequired: Element = {
  name: 'failure',
  namespace: saslNamespace,
  text: `<failure xmlns='${saslNamespace}'><encryption-required/></failure>`,
}

function payloadOf({ payload }: Body): string {
  return payload.length === 1 ? payload[0]!.text : payload.map(({ text }) => text).join('')
}

/** TLS and compression are between this service and the server (XEP-0206 §2). */
function isTransportNegotiation({ name, namespace }: Element): boolean {
  return (
    (name === 'starttls' && namespace === 'urn:ietf:params:xml:ns:xmpp-tls') ||
    (name === 'compress' && namespace === 'http://jabber.org/protocol/compress')
  )
}

function isPlainAuth({ name, namespace, text }: Element): boolean {
  return name === 'auth' && namespace === saslNamespace && /^<[^>]*\smechanism\s*=\s*['"]PLAIN['"]/.test(text)
}
