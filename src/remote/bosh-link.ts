import type { Timer } from '../lib/clock.js'
import type { Step } from '../lib/errors.js'
import { longestValue } from '../servers/c2s/stream-header.js'
import { withULabels } from '../xmpp/jid/domains.js'
import type { Failure, Link, LinkEnd, LinkEvents, LinkFacts, LinkOptions, StreamOptions } from '../xmpp/link.js'
import { isOfTransport, sasl2Namespace, saslNamespace, streamsNamespace, xboshNamespace } from '../xmpp/namespaces.js'
import type { SessionTerms } from '../xmpp/page-binding.js'
import { atStep, streamEnd } from '../xmpp/stream-errors.js'
import type { Element } from '../xmpp/xml/element.js'
import { attribute } from '../xmpp/xml/escape.js'
import { XmlError } from '../xmpp/xml/xml-error.js'
import type { EndpointReply } from './endpoint-reply.js'
import { EndpointSession, type EndpointSessionParts } from './endpoint-session.js'
import { RemoteFault } from './remote-fault.js'

const featuresSeconds = 10

/** The endpoint holds one request while a second request sends data. */
const mostOpen = 2

/** Delay of an empty request in milliseconds, because the client may soon send data. */
const clientTurn = 10

const fullPayload = 256 * 1024

const waitsForClient = new Set([streamsNamespace, saslNamespace, sasl2Namespace])

/** The content of a request. */
type Content = ReturnType<typeof newRequest>

export interface BoshLinkParts extends EndpointSessionParts {
  readonly facts: LinkFacts
}

export class BoshLink implements Link {
  events: LinkEvents
  readonly allowsManagement = false
  readonly isBetweenElements = true
  readonly #parts: BoshLinkParts
  readonly #session: EndpointSession
  #lang: string
  #from: string | undefined
  #isOver = false
  /** The service did not close it. */
  isBroken = false
  /** Requests without a reply. */
  readonly #open = new Set<Content>()
  #repliesRead: Promise<void> = Promise.resolve()
  #unsent: Content[] = []
  backlog = 0
  #header: { id: string | undefined; from: string | undefined } = { id: undefined, from: undefined }
  #awaitsClient = false
  #isPaused = false
  #answeredAt: number
  #deadline: Timer | undefined
  #emptyRequest: Timer | undefined

  constructor(options: LinkOptions, events: LinkEvents, parts: BoshLinkParts) {
    this.#lang = options.lang
    this.#from = options.from
    this.events = events
    this.#answeredAt = parts.clock.now()
    this.#parts = parts
    this.#session = new EndpointSession(parts, step => {
      this.events.onStep?.(step)
      if (step === 'features' && !this.#isOver) this.#expectFeatures()
    })
    this.#ask(newRequest(this.#stream()))
  }

  get facts(): LinkFacts {
    return { ...this.#parts.facts, server: this.#session.server }
  }

  get terms(): SessionTerms | undefined {
    return this.#session.terms
  }

  get unfinishedBytes(): number {
    return this.#session.unfinishedBytes
  }

  send(elements: readonly Element[]): void {
    if (this.#isOver || elements.length === 0) return
    const length = elements.reduce((sum, { text }) => sum + text.length, 0)
    this.backlog += length
    let last = this.#unsent.at(-1)
    if (last?.attributes !== '' || last.length + length > fullPayload) {
      last = newRequest()
      this.#unsent.push(last)
    }
    for (const element of elements) last.elements.push(element)
    last.length += length
    this.#pump()
  }

  /** XEP-0206 §5. */
  restart({ lang, from }: StreamOptions = {}): void {
    if (this.#isOver) return
    this.#lang = lang ?? this.#lang
    this.#from = from ?? this.#from
    this.#expectFeatures()
    this.#unsent.push(newRequest(`${this.#stream()} xmpp:restart='true'`))
    this.#pump()
  }

  /** Only delays empty requests: replies to open requests are still read. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#pump()
  }

  close(): void {
    if (this.#isOver) return
    this.#stop()
    this.#session.end(this.#unsent.map(payloadOf).join(''))
    this.#unsent = []
  }

  takeUnconfirmed(): readonly Element[] {
    const unconfirmed = [...this.#open, ...this.#unsent].flatMap(({ elements }) => elements)
    this.#open.clear()
    this.#unsent = []
    return unconfirmed
  }

  cut(): void {
    this.close()
  }

  abandon(): void {
    if (this.#isOver) return
    this.#stop()
    this.#session.abandon()
  }

  unanswered(): void {
    this.#session.lost({ step: 'stream', code: 'timeout' })
  }

  timeOut(step: Step): void {
    if (this.#isOver) return
    this.abandon()
    this.events.onEnd({ failure: { step, code: 'timeout' } })
  }

  giveToPage() {
    const given = this.#isOver || this.#unsent.length > 0 ? undefined : this.#session.giveToPage()
    if (given === undefined) return undefined
    this.#stop()
    return { ...given, session: this.#session }
  }

  #stop(): void {
    this.#isOver = true
    this.#deadline?.cancel()
    this.#emptyRequest?.cancel()
  }

  #stream(): string {
    const from = this.#parts.facts.encrypted && this.#from !== undefined ? withULabels(this.#from) : undefined
    const stream = attribute('to', withULabels(this.#parts.domain)) + attribute('from', from)
    // MongooseIM requires the prefix `xmpp`.
    return `${stream}${attribute('xml:lang', this.#lang)} xmlns:xmpp='${xboshNamespace}'`
  }

  #expectFeatures(): void {
    this.#awaitsClient = false
    this.#deadline?.cancel()
    this.#deadline = this.#parts.clock.after(featuresSeconds * 1000, () =>
      this.#end({ failure: { step: 'features', code: 'timeout' } }),
    )
  }

  #pump(): void {
    const { terms } = this.#session
    if (this.#isOver || terms === undefined) return
    const most = Math.max(1, Math.min(mostOpen, terms.requests))
    while (this.#unsent.length > 0 && this.#open.size < most) {
      const next = this.#unsent.shift()!
      this.#awaitsClient = false
      this.backlog -= next.length
      this.#ask(next)
    }
    this.#emptyRequest?.cancel()
    this.#emptyRequest = undefined
    if (this.#open.size === 0) this.#askWhenDue(terms.inactivity)
  }

  /** Sends an empty request after at most half of `inactivity`, but not before `polling` allows it. */
  #askWhenDue(inactivity: number): void {
    const isIdle = this.#isPaused || this.#awaitsClient
    const wanted = this.#answeredAt + (isIdle ? inactivity * 500 : clientTurn)
    const wait = Math.max(wanted, this.#session.mayAskAt) - this.#parts.clock.now()
    // The delay leaves a time without open requests, in which the session can be handed over to a page.
    this.#emptyRequest = this.#parts.clock.after(Math.max(wait, 0), () => this.#ask(newRequest()))
  }

  /** Reads replies in the order of their requests (XEP-0124 §14.2). */
  #ask(request: Content): void {
    const earlierRead = this.#repliesRead
    this.#open.add(request)
    this.#repliesRead = this.#session
      .ask(request.attributes, payloadOf(request), () => {
        request.elements.length = 0
      })
      .then(async reply => {
        this.#answeredAt = this.#parts.clock.now()
        await earlierRead
        if (this.#isOver) return
        // An endpoint that ends the session may have ignored the request.
        if (reply.end === undefined) this.#open.delete(request)
        this.#read(reply)
        const wasBehind = this.backlog > 0
        this.#pump()
        if (wasBehind && this.backlog === 0 && !this.#isOver) this.events.onDrain?.()
      })
      .catch(async error => {
        // The last stanzas may be in an earlier reply that is still arriving.
        if (error instanceof RemoteFault && error.aftermath === 'ended') await earlierRead
        this.#end({ failure: this.#failureOf(error) })
      })
  }

  #read({ root, payload, dropped, end }: EndpointReply): void {
    const { id, from } = this.#header
    this.#header = {
      id: root.kept('authid', longestValue) ?? id,
      from: root.kept('from', longestValue) ?? from,
    }
    for (const element of dropped) this.events.onDropped?.(element)
    for (const element of payload) {
      this.#report(element)
      if (this.#isOver) return
    }
    if (payload.length > 0) this.events.onFlush?.()
    if (end !== undefined) this.#end(end)
  }

  #report(element: Element): void {
    if (isOfTransport(element.namespace)) {
      this.events.onDropped?.()
      return
    }
    this.#awaitsClient = waitsForClient.has(element.namespace)
    if (element.namespace === streamsNamespace && element.name === 'error') {
      this.#end(streamEnd(element, 'features'))
      return
    }
    if (element.namespace === streamsNamespace && element.name === 'features') {
      this.#deadline?.cancel()
      this.#deadline = undefined
      this.events.onOpen?.(this.#header)
    }
    this.events.onElement(element)
  }

  /** After the endpoint has created a session, the step is a placeholder: `#end` sets the step of the login. */
  #failureOf(error: unknown): Failure {
    if (error instanceof XmlError) return { step: 'features', code: 'remote-protocol-error', cause: error }
    if (!(error instanceof RemoteFault)) return { step: 'features', code: 'internal-error', cause: error }
    return this.#session.terms === undefined ? error.failure : { ...error.failure, step: 'features' }
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return
    const reported = atStep(end, this.events)
    if (reported.failure.step === 'stream') this.#session.lost(reported.failure)
    this.isBroken = true
    this.#stop()
    // What was not sent goes back to the client, so it must not be the last words too.
    this.#session.end()
    this.events.onEnd(reported)
  }
}

function newRequest(attributes = '') {
  const elements: Element[] = []
  return { attributes, elements, length: 0 }
}

function payloadOf({ elements }: Content): string {
  let payload = ''
  for (const { text } of elements) payload += text
  return payload
}
