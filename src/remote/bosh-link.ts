import { randomInt } from 'node:crypto'
import type { Step } from '../errors.js'
import type { SessionTerms } from '../handed-out.js'
import { withULabels } from '../jid/domains.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure, Link, LinkEnd, LinkEvents, LinkFacts, LinkOptions, StreamOptions } from '../link.js'
import { boshNamespace, sasl2Namespace, saslNamespace, streamsNamespace } from '../namespaces.js'
import { streamFailure } from '../stream-errors.js'
import type { Element } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'
import type { EndpointReply } from './endpoint-reply.js'
import { EndpointSession, type EndpointSessionParts } from './endpoint-session.js'
import { RemoteFault } from './fault.js'

/** What is asked of an endpoint (XEP-0124 §7.1); what it grants counts. `wait` is in seconds. */
export interface AskedTerms {
  readonly wait: number
  readonly hold: number
  readonly ver: string
}

/** `wait` is below the minute that proxies have. */
const usualTerms: AskedTerms = { wait: 50, hold: 1, ver: '1.6' }

/** Longest time from the opening of a stream to its features, in seconds. */
const featuresSeconds = 10

/** Requests that are open at once, unless the endpoint allows fewer: the one that is held, and one to send with. */
const mostOpen = 2

/** How long the client has to say something after a reply before it is asked for the next, in milliseconds. */
const clientTurn = 10

/** Longest payload of one request that more is added to, in UTF-16 units. */
const fullPayload = 256 * 1024

/** Elements after which the word is with the client. */
const waitsForClient = new Set([streamsNamespace, saslNamespace, sasl2Namespace])

export interface BoshLinkParts extends EndpointSessionParts {
  /** Whether the way to the endpoint is encrypted, and whether PLAIN may be used on it. */
  readonly facts: LinkFacts
  readonly clock: Clock
  readonly terms?: AskedTerms
}

/** A session that a page goes on with at its endpoint. */
export interface LeftSession {
  readonly session: EndpointSession
  /** The address of the endpoint. */
  readonly url: string
  readonly terms: SessionTerms
  /** The next request id to send. */
  readonly rid: number
}

/** A request that is open; replies are taken in the order of the requests. */
interface Asked {
  reply: EndpointReply | undefined
}

/** What waits to be sent: stanzas, or the attributes of a request that opens the stream again. */
type Unsent = { readonly payload: string } | { readonly restart: string }

/**
 * A stream to an XMPP server over somebody else's BOSH endpoint: the client's side of XEP-0124, in place of a link over
 * TCP. While all is quiet one request is held there, and what is to be sent goes with another.
 */
export class BoshLink implements Link {
  readonly facts: LinkFacts
  events: LinkEvents
  readonly #domain: string
  readonly #clock: Clock
  readonly #session: EndpointSession
  #lang: string
  #from: string | undefined
  #rid = randomInt(1, 2 ** 47)
  #isOver = false
  readonly #asked: Asked[] = []
  #unsent: Unsent[] = []
  /** What was to be sent and waits here, in UTF-16 units. */
  #backlog = 0
  /** What the server said of its stream. */
  #header: { id: string | undefined; from: string | undefined } = { id: undefined, from: undefined }
  /** Whether the next thing to be said is the client's. */
  #awaitsClient = false
  #isPaused = false
  #answeredAt: number
  /** Until when the features have to come. */
  #deadline: Timer | undefined
  /** When to ask although nobody wants to know, or may be asked again. */
  #rest: Timer | undefined

  constructor(options: LinkOptions, events: LinkEvents, parts: BoshLinkParts) {
    this.#domain = parts.domain
    this.#lang = options.lang
    this.#from = options.from
    this.events = events
    this.#clock = parts.clock
    this.#answeredAt = parts.clock.now()
    const { facts, terms = usualTerms, ...ofSession } = parts
    this.facts = facts
    this.#session = new EndpointSession(ofSession)
    const { wait, hold, ver } = terms
    const wanted = ` wait='${wait}' hold='${hold}' ver='${escapeXml(ver)}' content='text/xml; charset=utf-8'`
    this.#ask(`${this.#stream()}${wanted} xmpp:version='1.0'`, '', false, wait)
  }

  /** What was agreed with the endpoint; undefined before. */
  get terms(): SessionTerms | undefined {
    return this.#session.terms
  }

  get backlog(): number {
    return this.#backlog
  }

  /** What the endpoint answers is whole. */
  get isBetweenElements(): boolean {
    return true
  }

  send(elements: readonly Element[]): void {
    if (this.#isOver || elements.length === 0) return
    let text = ''
    for (const element of elements) text += element.text
    this.#backlog += text.length
    const last = this.#unsent.at(-1)
    if (last !== undefined && 'payload' in last && last.payload.length + text.length <= fullPayload)
      this.#unsent[this.#unsent.length - 1] = { payload: last.payload + text }
    else this.#unsent.push({ payload: text })
    this.#pump()
  }

  /** Opens a new stream in the same session, as after a login (XEP-0206 §5). */
  restart({ lang, from }: StreamOptions = {}): void {
    if (this.#isOver) return
    this.#lang = lang ?? this.#lang
    this.#from = from ?? this.#from
    this.#expectFeatures()
    this.#unsent.push({ restart: `${this.#stream()} xmpp:restart='true'` })
    this.#pump()
  }

  /** Asks for nothing more until `resume`; what is held there comes all the same. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#pump()
  }

  /** Ends the session at the endpoint, what waits to be sent going with it. Reports nothing any more. */
  close(): void {
    if (this.#isOver) return
    this.#stop()
    const lastWords = this.#unsent.map(unsent => ('payload' in unsent ? unsent.payload : '')).join('')
    this.#unsent = []
    this.#session.end(lastWords)
  }

  /** Ends the session at the endpoint at once, and breaks off what is open. Reports nothing any more. */
  abandon(): void {
    if (this.#isOver) return
    this.#stop()
    this.#session.abandon()
  }

  /**
   * Lets go of the session, which lives on at the endpoint. Reports nothing any more. Undefined, and nothing has changed,
   * where there is no session, or it is not at rest: a page could not know which request is the next.
   */
  leave(): LeftSession | undefined {
    const { endpoint, terms, isLive } = this.#session
    const isAtRest = this.#asked.length === 0 && this.#unsent.length === 0
    if (this.#isOver || !isAtRest || !isLive || endpoint === undefined || terms === undefined)
      return undefined
    this.#stop()
    this.#session.leave()
    return { session: this.#session, url: endpoint.url, terms, rid: this.#rid }
  }

  #stop(): void {
    this.#isOver = true
    this.#deadline?.cancel()
    this.#rest?.cancel()
  }

  readonly #reach = (step: Step): void => {
    this.events.onStep?.(step)
    if (step === 'features' && !this.#isOver) this.#expectFeatures()
  }

  #stream(): string {
    const from = this.#from
    const sender =
      from === undefined || !this.facts.encrypted ? '' : ` from='${escapeXml(withULabels(from))}'`
    // MongooseIM looks for the very prefix.
    return ` to='${escapeXml(withULabels(this.#domain))}'${sender} xml:lang='${escapeXml(this.#lang)}' xmlns:xmpp='urn:xmpp:xbosh'`
  }

  #expectFeatures(): void {
    this.#awaitsClient = false
    this.#deadline?.cancel()
    this.#deadline = this.#clock.after(featuresSeconds * 1000, () =>
      this.#end({ failure: { step: 'features', code: 'timeout' } }),
    )
  }

  /** Sends what there is to send, and sees to it that something is held whenever the server may speak. */
  #pump(): void {
    const { terms } = this.#session
    if (this.#isOver || terms === undefined) return
    const most = Math.max(1, Math.min(mostOpen, terms.requests))
    while (this.#unsent.length > 0 && this.#asked.length < most) {
      const next = this.#unsent.shift()!
      this.#awaitsClient = false
      if ('payload' in next) {
        this.#backlog -= next.payload.length
        this.#ask('', next.payload, false)
      } else this.#ask(next.restart, '', false)
    }
    this.#rest?.cancel()
    this.#rest = undefined
    if (this.#asked.length === 0) this.#askWhenDue(terms.inactivity)
  }

  /** An endpoint ends what it hears nothing of, and some want to be left alone in between. */
  #askWhenDue(inactivity: number): void {
    const isIdle = this.#isPaused || this.#awaitsClient
    const wanted = this.#answeredAt + (isIdle ? inactivity * 500 : clientTurn)
    const wait = Math.max(wanted, this.#session.mayAskAt) - this.#clock.now()
    // Never in the turn in which a reply has come: that one may be the last of a login, which leaves then.
    this.#rest = this.#clock.after(Math.max(wait, 0), () => this.#ask('', '', true))
  }

  /** `wait` is the time that the request may be held, in seconds; where it was agreed on, that counts. */
  #ask(attributes: string, payload: string, isEmpty: boolean, wait = 0): void {
    const { terms: agreed } = this.#session
    const sid = agreed === undefined ? '' : ` sid='${escapeXml(agreed.sid)}'`
    const rid = this.#rid++
    const start = `<body rid='${rid}'${sid}${attributes} xmlns='${boshNamespace}'`
    const body = payload === '' ? `${start}/>` : `${start}>${payload}</body>`
    const asked: Asked = { reply: undefined }
    this.#asked.push(asked)
    const reached = agreed === undefined ? this.#reach : undefined
    this.#session
      .ask({ rid, body, isEmpty, wait, reached })
      .then(reply => {
        asked.reply = reply
        this.#answeredAt = this.#clock.now()
        this.#receive()
      })
      .catch(error => this.#end({ failure: this.#failureOf(error) }))
  }

  /** Two requests take two ways, and the answer to the second may be here first (XEP-0124 §14.2). */
  #receive(): void {
    for (;;) {
      const reply = this.#asked[0]?.reply
      if (this.#isOver || reply === undefined) break
      this.#asked.shift()
      this.#read(reply)
    }
    const wasBehind = this.#backlog > 0
    this.#pump()
    if (wasBehind && this.#backlog === 0 && !this.#isOver) this.events.onDrain()
  }

  #read({ root, payload, fates, end }: EndpointReply): void {
    const { id, from } = this.#header
    this.#header = { id: root.attribute('authid') ?? id, from: root.attribute('from') ?? from }
    for (const fate of fates) this.events.onUnfit?.(fate)
    for (const element of payload) {
      this.#report(element)
      if (this.#isOver) return
    }
    if (payload.length > 0) this.events.onFlush()
    if (end !== undefined) this.#end(end)
  }

  #report(element: Element): void {
    this.#awaitsClient = waitsForClient.has(element.namespace)
    if (element.namespace === streamsNamespace && element.name === 'error') {
      this.#end({ failure: streamFailure(element, 'features'), streamError: element.text })
      return
    }
    if (element.namespace === streamsNamespace && element.name === 'features') {
      this.#deadline?.cancel()
      this.#deadline = undefined
      this.events.onOpen(this.#header)
    }
    this.events.onElement(element)
  }

  /** Once the session stands, how far a connection of its had come means nothing to whoever waits for a login. */
  #failureOf(error: unknown): Failure {
    if (!(error instanceof RemoteFault)) return { step: 'features', code: 'internal-error', cause: error }
    return this.#session.terms === undefined ? error.failure : { ...error.failure, step: 'features' }
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return
    this.close()
    this.events.onEnd(end)
  }
}
