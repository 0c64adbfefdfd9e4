import type { Clock, Timer } from '../lib/clock.js'
import type { Step } from '../lib/errors.js'
import type { SessionTerms } from '../xmpp/handed-out.js'
import { withULabels } from '../xmpp/jid/domains.js'
import type {
  Failure,
  Link,
  LinkEnd,
  LinkEvents,
  LinkFacts,
  LinkOptions,
  StreamOptions,
} from '../xmpp/link.js'
import { isOfTransport, sasl2Namespace, saslNamespace, streamsNamespace } from '../xmpp/namespaces.js'
import { streamFailure } from '../xmpp/stream-errors.js'
import type { Element } from '../xmpp/xml/element.js'
import { attribute } from '../xmpp/xml/escape.js'
import type { EndpointReply } from './endpoint-reply.js'
import { EndpointSession, type EndpointSessionParts } from './endpoint-session.js'
import { RemoteFault } from './fault.js'

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
}

/**
 * A stream to an XMPP server over another server's BOSH endpoint, as a client of XEP-0124 and XEP-0206. While all is quiet
 * one request is held there, and what is to be sent goes with another.
 */
export class BoshLink implements Link {
  readonly facts: LinkFacts
  events: LinkEvents
  readonly #domain: string
  readonly #clock: Clock
  readonly #session: EndpointSession
  #lang: string
  #from: string | undefined
  #isOver = false
  /** Requests that are open, or whose replies have yet to be read. */
  #open = 0
  /** Resolves when the reply to the last request has been read. */
  #last: Promise<void> = Promise.resolve()
  /** Requests that wait to be sent: stanzas, or the attributes that open the stream again. */
  #unsent: { readonly attributes: string; payload: string }[] = []
  /** The size of what waits to be sent, in UTF-16 units. */
  #backlog = 0
  /** What the server said of its stream. */
  #header: { id: string | undefined; from: string | undefined } = { id: undefined, from: undefined }
  /** Whether the server waits for the client. */
  #awaitsClient = false
  #isPaused = false
  #answeredAt: number
  /** Until when the features have to come. */
  #deadline: Timer | undefined
  /** Until the next empty request. */
  #rest: Timer | undefined

  constructor(options: LinkOptions, events: LinkEvents, parts: BoshLinkParts) {
    this.#domain = parts.domain
    this.#lang = options.lang
    this.#from = options.from
    this.events = events
    this.#clock = parts.clock
    this.#answeredAt = parts.clock.now()
    this.facts = parts.facts
    this.#session = new EndpointSession(parts, step => this.#reach(step))
    this.#await(this.#session.ask(this.#stream(), ''))
  }

  /** What was agreed with the endpoint; undefined before. */
  get terms(): SessionTerms | undefined {
    return this.#session.terms
  }

  get backlog(): number {
    return this.#backlog
  }

  get unfinishedBytes(): number {
    return this.#session.unfinishedBytes
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
    if (last?.attributes === '' && last.payload.length + text.length <= fullPayload) last.payload += text
    else this.#unsent.push({ attributes: '', payload: text })
    this.#pump()
  }

  /** Opens a new stream in the same session, as after a login (XEP-0206 §5). */
  restart({ lang, from }: StreamOptions = {}): void {
    if (this.#isOver) return
    this.#lang = lang ?? this.#lang
    this.#from = from ?? this.#from
    this.#expectFeatures()
    this.#unsent.push({ attributes: `${this.#stream()} xmpp:restart='true'`, payload: '' })
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
    this.#session.end(this.#unsent.map(({ payload }) => payload).join(''))
    this.#unsent = []
  }

  /** There is no connection that the endpoint could miss. */
  cut(): void {
    this.close()
  }

  /** Ends the session at the endpoint at once, and breaks off what is open. Reports nothing any more. */
  abandon(): void {
    if (this.#isOver) return
    this.#stop()
    this.#session.abandon()
  }

  timeOut(step: Step): void {
    if (this.#isOver) return
    this.abandon()
    this.events.onEnd({ failure: { step, code: 'timeout' } })
  }

  /**
   * Lets go of the session, which lives on at the endpoint. Reports nothing any more. Undefined, and nothing has changed,
   * where there is no session, or it is not at rest: a page could not know which request is the next.
   */
  leave() {
    if (this.#isOver || this.#unsent.length > 0) return undefined
    const left = this.#session.leave()
    if (left === undefined) return undefined
    this.#stop()
    return { ...left, session: this.#session }
  }

  #stop(): void {
    this.#isOver = true
    this.#deadline?.cancel()
    this.#rest?.cancel()
  }

  #reach(step: Step): void {
    this.events.onStep?.(step)
    if (step === 'features' && !this.#isOver) this.#expectFeatures()
  }

  #stream(): string {
    const from = this.facts.encrypted && this.#from !== undefined ? withULabels(this.#from) : undefined
    const stream = attribute('to', withULabels(this.#domain)) + attribute('from', from)
    // MongooseIM looks for the very prefix.
    return `${stream}${attribute('xml:lang', this.#lang)} xmlns:xmpp='urn:xmpp:xbosh'`
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
    while (this.#unsent.length > 0 && this.#open < most) {
      const next = this.#unsent.shift()!
      this.#awaitsClient = false
      this.#backlog -= next.payload.length
      this.#await(this.#session.ask(next.attributes, next.payload))
    }
    this.#rest?.cancel()
    this.#rest = undefined
    if (this.#open === 0) this.#askWhenDue(terms.inactivity)
  }

  /** An endpoint ends a session that sends nothing for too long, and some limit how often empty requests may come. */
  #askWhenDue(inactivity: number): void {
    const isIdle = this.#isPaused || this.#awaitsClient
    const wanted = this.#answeredAt + (isIdle ? inactivity * 500 : clientTurn)
    const wait = Math.max(wanted, this.#session.mayAskAt) - this.#clock.now()
    // Never in the turn in which a reply has come: that one may be the last of a login, which leaves then.
    this.#rest = this.#clock.after(Math.max(wait, 0), () => this.#await(this.#session.ask('', '')))
  }

  /** Two requests take two ways, and the answer to the second may be here first (XEP-0124 §14.2). */
  #await(request: Promise<EndpointReply>): void {
    const before = this.#last
    this.#open += 1
    this.#last = request
      .then(async reply => {
        this.#answeredAt = this.#clock.now()
        await before
        if (this.#isOver) return
        this.#open -= 1
        this.#read(reply)
        const wasBehind = this.#backlog > 0
        this.#pump()
        if (wasBehind && this.#backlog === 0 && !this.#isOver) this.events.onDrain()
      })
      .catch(error => this.#end({ failure: this.#failureOf(error) }))
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
    if (isOfTransport(element.namespace)) {
      this.events.onUnfit?.('dropped')
      return
    }
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

  /** Once there is a session, how far a later connection came is no step of a login. */
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
