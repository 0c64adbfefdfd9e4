import { randomInt } from 'node:crypto'
import { Problem, type Step } from '../errors.js'
import type { Exchange, LinkFacts, Reply, SessionTerms } from '../exchange.js'
import {
  bindNamespace,
  boshNamespace,
  saslNamespace,
  sessionNamespace,
  stanzaNamespace,
  streamsNamespace,
} from '../namespaces.js'
import type { Mechanism } from '../sasl/mechanism.js'
import { readTerms } from '../session-terms.js'
import { childrenOf, textOf } from '../xml/children.js'
import { type Document, DocumentReader, readElement } from '../xml/document.js'
import { escapeXml } from '../xml/escape.js'
import { defaultLimits, type Element } from '../xml/scanner.js'
import type { WarmRequest } from './binding.js'
import { formatJid } from './jid.js'
import { LoginPeer } from './login-peer.js'
import { type Offer, readOffer } from './offer.js'
import { saslRefused, sessionEnded } from './refusals.js'

const replies = new DocumentReader(defaultLimits, { meantNamespace: stanzaNamespace })

/** A stream as the library's parser wants to see one begin. */
const streamStart = `<stream:stream xmlns='jabber:client' xmlns:stream='${streamsNamespace}'>`

/** Learns how a handshake goes. */
export interface HandshakeEvents {
  /** Another step begins. */
  onStep(step: Step): void
  /** The server asks who comes; the answer is the mechanism to tell it with. May throw a `Problem`. */
  onOffer(offer: Offer, link: LinkFacts): Mechanism
  /** The server has let the user in. False ends the handshake here. */
  onAuthenticated(): boolean
  /** It is over, once. */
  onFailure(problem: Problem): void
}

/**
 * A BOSH session while it is being logged in: turns what @xmpp/client writes into requests, one at a time with
 * consecutive rids, and replies into what it reads (XEP-0206). The session it leaves behind is a plain bound one:
 * whatever else a server offers is not taken up.
 */
export class Handshake {
  readonly #exchange: Exchange
  readonly #request: WarmRequest
  readonly #events: HandshakeEvents
  readonly #peer: LoginPeer
  #rid = randomInt(1, 2 ** 47)
  #opened = false
  #over = false
  #authenticated = false
  /** Whether the stream was opened and its features have not come yet. */
  #awaitsFeatures = false
  #deliver: (text: string) => void = () => {}
  #link: LinkFacts = { encrypted: false, plainAllowed: false }
  #step: Step = 'connect'
  /** The mechanism at work; it judges what comes with success. */
  #mechanism: Mechanism | undefined
  terms: SessionTerms | undefined
  /** The session's public handle, known from the creation reply on. */
  id: string | undefined
  /** Whether the server demands the session request of RFC 3921 §3. */
  sessionRequired = false
  /** Id of the IQ that the login waits for an answer to; what answers another one is the page's. */
  askedWith: string | undefined
  /** Stanzas that came before the login was done: they are for the browser. */
  readonly strays: Element[] = []

  constructor(exchange: Exchange, request: WarmRequest, events: HandshakeEvents) {
    this.#exchange = exchange
    this.#request = request
    this.#events = events
    this.#peer = new LoginPeer(request.credentials.kind === 'certificate', step => {
      // From the first reply on the replies tell.
      if (this.terms === undefined) this.#reach(step)
    })
  }

  /** How far the login has come. */
  get step(): Step {
    return this.#step
  }

  /** The next request id to send. */
  get nextRid(): number {
    return this.#rid
  }

  /** Where the library's text goes. */
  attach(deliver: (text: string) => void): void {
    this.#deliver = deliver
  }

  /** Opens the stream, or opens it again after SASL (XEP-0206 §3, §5). */
  open(): void {
    const { jid, credentials, language, wait, hold, ver } = this.#request
    const stream = ` to='${escapeXml(jid.domain)}' xml:lang='${escapeXml(language)}' xmlns:xmpp='urn:xmpp:xbosh'`
    if (this.#opened) this.#send(`${stream} xmpp:restart='true'`, '', true)
    else {
      const terms = ` wait='${wait}' hold='${hold}' ver='${escapeXml(ver)}' content='text/xml; charset=utf-8'`
      // One certificate may be good for several users (XEP-0206 §5, RFC 6120 §4.7.1).
      const isNamed = credentials.kind === 'certificate'
      const from = isNamed ? ` from='${escapeXml(formatJid({ ...jid, resource: undefined }))}'` : ''
      this.#send(`${stream}${from}${terms} xmpp:version='1.0'`, '', true)
    }
    this.#opened = true
    this.#awaitsFeatures = true
  }

  /** Sends an element. */
  send(text: string): void {
    this.#send('', text, false)
  }

  /** Nobody waits for this login any more; what is open in its name ends. */
  leave(): void {
    this.#over = true
    this.#peer.leave()
  }

  #send(attributes: string, payload: string, opens: boolean): void {
    if (this.#over) return
    const sid = this.terms === undefined ? '' : ` sid='${escapeXml(this.terms.sid)}'`
    const start = `<body rid='${this.#rid++}'${sid}${attributes} xmlns='${boshNamespace}'`
    const body = payload === '' ? `${start}/>` : `${start}>${payload}</body>`
    this.#exchange(body, this.#peer).then(
      reply => this.#receive(reply, opens),
      error => this.#fail(new Problem('internal-error', { cause: error })),
    )
  }

  #receive(reply: Reply, opens: boolean): void {
    if (this.#over) return
    try {
      this.#read(reply, opens)
    } catch (error) {
      if (error instanceof Problem) this.#fail(error)
      else this.#fail(new Problem('remote-protocol-error', { step: this.step, cause: error }))
    }
  }

  #read({ body, facts }: Reply, opens: boolean): void {
    const { root, children } = readReply(body)
    this.id ??= facts?.id
    this.#link = facts?.link ?? this.#link
    if (root.attributes['type']?.value === 'terminate') throw sessionEnded(root, facts, this.step)
    if (this.terms === undefined) {
      this.terms = readTerms(root)
      if (this.terms === undefined) throw new Problem('remote-protocol-error', { step: 'connect' })
      this.#reach('features')
    }
    let text = opens ? streamStart : ''
    let ours = 0
    for (const element of children) {
      const understandable = this.#translate(element)
      if (understandable === undefined) {
        this.strays.push(element)
        continue
      }
      text += understandable
      ours += 1
    }
    if (text !== '' && !this.#over) this.#deliver(text)
    // Nothing for the library to react to: what it waits for comes with a later reply.
    if (ours === 0 && !this.#over) this.#send('', '', false)
  }

  /** What the library gets to see of an element; undefined if that is nothing. */
  #translate(element: Element): string | undefined {
    const { name, namespace, text } = element
    if (namespace === streamsNamespace && name === 'features') return this.#translateFeatures(text)
    if (namespace === saslNamespace) return this.#translateSasl(name, text)
    // An IQ that answers ours belongs to the login; the rest is the page's.
    if (name !== 'iq' || this.askedWith === undefined) return undefined
    const { type, id } = readElement(text).root.attributes
    const isAnswer = type?.value === 'result' || type?.value === 'error'
    return isAnswer && id?.value === this.askedWith ? text : undefined
  }

  #translateSasl(name: string, text: string): string {
    // Whoever lets in without having been asked has not been told who wants to come in.
    if (this.#mechanism === undefined || this.#authenticated)
      throw new Problem('remote-protocol-error', { step: this.step })
    if (name === 'failure') throw saslRefused(text)
    const data = textOf(text).trim()
    const isEmpty = name === 'success' && (data === '' || data === '=')
    // Throws where it is not base64, in which the library would fail without a reason to tell.
    const message = isEmpty ? undefined : atob(data)
    if (name === 'success') {
      this.#mechanism.success(message)
      this.#authenticated = true
      if (this.#events.onAuthenticated()) this.#reach('bind')
      else this.leave()
    }
    return text
  }

  #translateFeatures(text: string): string {
    // The library would log in once more.
    if (!this.#awaitsFeatures) throw new Problem('remote-protocol-error', { step: this.step })
    this.#awaitsFeatures = false
    const features = childrenOf(text)
    const shown = this.#authenticated ? this.#readyToBind(features) : this.#readyToLogIn(features)
    return `<stream:features>${shown}</stream:features>`
  }

  /** The library sees the one mechanism that it is to use. */
  #readyToLogIn(features: readonly Element[]): string {
    const offer = readOffer(features)
    if (offer === undefined) throw new Problem('no-mechanism', { step: 'features' })
    this.#reach('sasl')
    this.#mechanism = this.#events.onOffer(offer, this.#link)
    const { name } = this.#mechanism
    return `<mechanisms xmlns='${saslNamespace}'><mechanism>${name}</mechanism></mechanisms>`
  }

  #readyToBind(features: readonly Element[]): string {
    const bind = features.find(({ namespace }) => namespace === bindNamespace)
    if (bind === undefined) throw new Problem('remote-protocol-error', { step: 'bind' })
    this.sessionRequired = features.some(
      feature => feature.namespace === sessionNamespace && !/<(?:\w+:)?optional[\s/>]/.test(feature.text),
    )
    return bind.text
  }

  #reach(step: Step): void {
    if (this.#over || step === this.#step) return
    this.#step = step
    this.#events.onStep(step)
  }

  #fail(problem: Problem): void {
    if (this.#over) return
    this.leave()
    this.#events.onFailure(problem)
  }
}

function readReply(body: string): Document {
  const reply = replies.read(body)
  if (reply.root.name !== 'body' || reply.root.namespace !== boshNamespace) {
    throw new Problem('remote-protocol-error')
  }
  return reply
}
