import { randomInt, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { xml } from '@xmpp/client'
import type { XmlElement } from '@xmpp/xml'
import parse from '@xmpp/xml/lib/parse.js'
import { Problem, type Step } from '../errors.js'
import type { Exchange, Reply } from '../exchange.js'
import type { SessionTerms } from '../handed-out.js'
import { withULabels } from '../jid/domains.js'
import { formatJid } from '../jid/jid.js'
import type { LinkFacts } from '../link.js'
import type { Mechanism } from '../login/sasl/mechanism.js'
import {
  bindNamespace,
  boshNamespace,
  saslNamespace,
  sessionNamespace,
  stanzaNamespace,
  streamsNamespace,
} from '../namespaces.js'
import { readTerms } from '../session-terms.js'
import { childrenOf, textOf } from '../xml/children.js'
import { type Document, DocumentReader } from '../xml/document.js'
import type { Element } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'
import { defaultLimits } from '../xml/limits.js'
import type { WarmRequest } from './binding.js'
import type { Foresight } from './foresight.js'
import { LoginPeer } from './login-peer.js'
import { type Offer, readOffer } from './offer.js'
import { bindRefused, saslRefused, sessionEnded } from './refusals.js'

const replies = new DocumentReader(defaultLimits, { meantNamespace: stanzaNamespace })

/** The features of a stream that wants a resource to be bound, and nothing else. */
const readyToBind = features(xml('bind', { xmlns: bindNamespace }))

/** Learns how a handshake goes. */
export interface HandshakeEvents {
  /** Another step begins. */
  onStep(step: Step): void
  /** The server asks who comes; the answer is the mechanism to tell it with. May throw a `Problem`. */
  onOffer(offer: Offer, link: LinkFacts): Mechanism
  /** The server has let the user in. False ends the handshake here. */
  onAuthenticated(): boolean
  /** The library is to react to this: features of a stream, or what the server says of SASL. */
  onElement(element: XmlElement): void
  /** It is over, once. */
  onFailure(problem: Problem): void
}

/**
 * A BOSH session while it is being logged in: turns what @xmpp/client sends into requests, one at a time with
 * consecutive rids, and replies into what it reacts to (XEP-0206). The session it leaves behind is a plain bound one:
 * whatever else a server offers is not taken up.
 */
export class Handshake {
  readonly #exchange: Exchange
  readonly #request: WarmRequest
  readonly #events: HandshakeEvents
  readonly #peer: LoginPeer
  readonly #foresight: Foresight
  /** What each opening of the stream says. */
  readonly #stream: string
  #rid = randomInt(1, 2 ** 47)
  /** The attribute that says which session a request is for; empty until there is one. */
  #sid = ''
  #opened = false
  #over = false
  #authenticated = false
  /** Whether the stream was opened and its features have not come yet. */
  #awaitsFeatures = false
  /** Whether the reply at hand has something for the library to react to. */
  #isPrompted = false
  #link: LinkFacts = { encrypted: false, plainAllowed: false }
  #step: Step = 'connect'
  /** The mechanism at work; it judges what comes with success. */
  #mechanism: Mechanism | undefined
  /** What that was chosen from. */
  #offer: Offer | undefined
  /** The IQ that the library waits for an answer to; what answers another one is the page's. */
  #question: { readonly id: string; readonly answer: (iq: XmlElement) => void } | undefined
  terms: SessionTerms | undefined
  /** The session's public handle, known from the creation reply on. */
  id: string | undefined
  /** Whether the server demands the session request of RFC 3921 §3. */
  sessionRequired = false
  /** Stanzas that came before the login was done: they are for the browser. */
  readonly strays: Element[] = []

  constructor(exchange: Exchange, request: WarmRequest, foresight: Foresight, events: HandshakeEvents) {
    this.#exchange = exchange
    this.#request = request
    this.#foresight = foresight
    this.#events = events
    const { jid, language } = request
    this.#stream = ` to='${escapeXml(withULabels(jid.domain))}' xml:lang='${escapeXml(language)}' xmlns:xmpp='urn:xmpp:xbosh'`
    this.#peer = new LoginPeer(request.credentials.kind === 'certificate', foresight, step => {
      // From the first reply on the replies tell.
      if (this.terms === undefined) this.#reach(step)
    })
  }

  /** How far the login has come. */
  get step(): Step {
    return this.#step
  }

  /** The name of the mechanism at work. */
  get mechanism(): string | undefined {
    return this.#mechanism?.name
  }

  /** The next request id to send. */
  get nextRid(): number {
    return this.#rid
  }

  /** Opens the stream, or opens it again after SASL (XEP-0206 §3, §5). */
  open(): void {
    const { jid, credentials, wait, hold, ver } = this.#request
    if (this.#opened) this.#send(`${this.#stream} xmpp:restart='true'`, '')
    else {
      const terms = ` wait='${wait}' hold='${hold}' ver='${escapeXml(ver)}' content='text/xml; charset=utf-8'`
      // One certificate may be good for several users (XEP-0206 §5, RFC 6120 §4.7.1).
      const isNamed = credentials.kind === 'certificate'
      const from = isNamed ? ` from='${escapeXml(formatJid({ ...jid, resource: undefined }))}'` : ''
      this.#send(`${this.#stream}${from}${terms} xmpp:version='1.0'`, '')
    }
    this.#opened = true
    this.#awaitsFeatures = true
  }

  /** Sends an element. */
  send(element: XmlElement): void {
    element.attrs['xmlns'] ??= 'jabber:client'
    // An initial response that is there and empty is not the same as none (RFC 6120 §6.4.2); the library writes neither.
    if (element.name === 'auth' && element.children.length === 0) element.t('=')
    this.#send('', element.toString())
  }

  /** Sends an IQ; resolves with its result. An error in its place is the end of the handshake. */
  ask(iq: XmlElement): Promise<XmlElement> {
    return new Promise(answer => {
      // Ids of the library can be guessed, and then answered by somebody else.
      const id = randomUUID()
      iq.attrs['id'] = id
      this.#question = { id, answer }
      this.send(iq)
    })
  }

  /** Nobody waits for this login any more; what is open in its name ends. */
  leave(): void {
    this.#over = true
    this.#peer.leave()
  }

  #send(attributes: string, payload: string): void {
    if (this.#over) return
    const start = `<body rid='${this.#rid++}'${this.#sid}${attributes} xmlns='${boshNamespace}'`
    const body = payload === '' ? `${start}/>` : `${start}>${payload}</body>`
    this.#exchange(body, this.#peer).then(
      reply => this.#receive(reply),
      error => this.#fail(new Problem('internal-error', { cause: error })),
    )
  }

  #receive(reply: Reply): void {
    if (this.#over) return
    try {
      this.#read(reply)
    } catch (error) {
      if (error instanceof Problem) this.#fail(error)
      else this.#fail(new Problem('remote-protocol-error', { step: this.step, cause: error }))
    }
  }

  #read({ body, facts }: Reply): void {
    const { root, children } = readReply(body)
    this.id ??= facts?.id
    this.#link = facts?.link ?? this.#link
    if (root.attribute('type') === 'terminate') throw sessionEnded(root, facts, this.step)
    if (this.terms === undefined) {
      this.terms = readTerms(root)
      if (this.terms === undefined) throw new Problem('remote-protocol-error', { step: 'connect' })
      this.#sid = ` sid='${escapeXml(this.terms.sid)}'`
      this.#reach('features')
    }
    this.#isPrompted = false
    for (const element of children) if (!this.#take(element)) this.strays.push(element)
    // Nothing for the library to react to: what it waits for comes with a later reply.
    if (!this.#isPrompted && !this.#over) this.#send('', '')
  }

  /** Whether an element is the login's; the rest is the page's. */
  #take({ name, namespace, text }: Element): boolean {
    if (namespace === streamsNamespace && name === 'features') this.#takeFeatures(text)
    else if (namespace === saslNamespace) this.#takeSasl(name, text)
    else return name === 'iq' && this.#takeAnswer(text)
    return true
  }

  #takeAnswer(text: string): boolean {
    if (this.#question === undefined) return false
    const iq = parse(text)
    const { type, id } = iq.attrs
    if (id !== this.#question.id || (type !== 'result' && type !== 'error')) return false
    this.#foresight.answered()
    if (type === 'error') throw bindRefused(text)
    this.#isPrompted = true
    this.#question.answer(iq)
    return true
  }

  #takeSasl(name: string, text: string): void {
    // Whoever lets in without having been asked has not been told who wants to come in.
    if (this.#mechanism === undefined || this.#authenticated)
      throw new Problem('remote-protocol-error', { step: this.step })
    this.#foresight.answered()
    if (name === 'failure') throw saslRefused(text, this.#mechanism.name)
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
    this.#deliver(xml(name, { xmlns: saslNamespace }, data))
  }

  #takeFeatures(text: string): void {
    const offered = childrenOf(text)
    if (!this.#awaitsFeatures) {
      // Of features that nobody expects the library would log in once more.
      if (!this.#foresight.isAhead || !this.#isAsForeseen(offered))
        throw new Problem('remote-protocol-error', { step: this.step })
      return
    }
    this.#awaitsFeatures = false
    this.#deliver(this.#authenticated ? this.#readyToBind(offered) : this.#readyToLogIn(offered))
  }

  /** Whether features that came late are, for a login, those that it went by. */
  #isAsForeseen(offered: readonly Element[]): boolean {
    if (!this.#authenticated)
      return isDeepStrictEqual(inAnyOrder(readOffer(offered)), inAnyOrder(this.#offer))
    return offersBind(offered) && demandsSession(offered) === this.sessionRequired
  }

  /** The library sees the one mechanism that it is to use. */
  #readyToLogIn(offered: readonly Element[]): XmlElement {
    const offer = readOffer(offered)
    if (offer === undefined) throw new Problem('no-mechanism', { step: 'features', detail: this.#noOffer })
    this.#offer = offer
    this.#reach('sasl')
    this.#mechanism = this.#events.onOffer(offer, this.#link)
    if (this.#foresight.isAhead && !isByChallenge(this.#mechanism)) {
      // It would say a secret at once, and the server may not want that any more.
      this.#foresight.isMistaken = true
      throw new Problem('remote-protocol-error', { step: 'sasl' })
    }
    return features(xml('mechanisms', { xmlns: saslNamespace }, xml('mechanism', {}, this.#mechanism.name)))
  }

  get #noOffer(): string {
    const isPlain = !this.#link.encrypted
    return `It offers none${isPlain ? ' on a link that is not encrypted: see tls=none in XMPP_SERVERS' : ''}.`
  }

  #readyToBind(offered: readonly Element[]): XmlElement {
    if (!offersBind(offered)) throw new Problem('remote-protocol-error', { step: 'bind' })
    this.sessionRequired = demandsSession(offered)
    return readyToBind
  }

  #deliver(element: XmlElement): void {
    this.#isPrompted = true
    if (!this.#over) this.#events.onElement(element)
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

/** Whether a mechanism says nothing of the secret before the server has said something (RFC 5802 §3). */
function isByChallenge({ name }: Mechanism): boolean {
  return name.startsWith('SCRAM-')
}

function offersBind(offered: readonly Element[]): boolean {
  return offered.some(({ namespace }) => namespace === bindNamespace)
}

function demandsSession(offered: readonly Element[]): boolean {
  return offered.some(
    ({ namespace, text }) => namespace === sessionNamespace && !/<(?:\w+:)?optional[\s/>]/.test(text),
  )
}

/** An offer as it may be compared: a server may write the same in another order each time it is started. */
function inAnyOrder(offer: Offer | undefined) {
  const { mechanisms, channelBindings } = offer ?? {}
  return [new Set(mechanisms), channelBindings && new Set(channelBindings)]
}

function features(feature: XmlElement): XmlElement {
  return xml('features', { xmlns: streamsNamespace }, feature)
}
