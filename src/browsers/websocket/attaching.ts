import { randomUUID } from 'node:crypto'
import { clientOf } from '../../lib/client-network.js'
import { pause } from '../../lib/clock.js'
import type { Client } from '../../session/client.js'
import type { Session } from '../../session/session.js'
import { StoreUnavailable } from '../../store/store.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { userOf } from '../../xmpp/jid/jid.js'
import {
  bind2Namespace,
  bindNamespace,
  csiNamespace,
  fastNamespace,
  sasl2Namespace,
  saslNamespace,
  smNamespace,
} from '../../xmpp/namespaces.js'
import { readCount, writeFailed } from '../../xmpp/stanza-counts.js'
import { writeSaslFailure } from '../../xmpp/stream-errors.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import { declareStream, writeOpen } from './framing.js'
import { PageClient } from './page-client.js'
import { hashedToken, type PageCredentials, readCredentials, type SaslFault } from './page-credentials.js'
import { closeCodes, type SocketChannel } from './socket-channel.js'
import type { LoginBefore, SocketRoutes } from './socket-routes.js'
import { type PageResumption, StreamManagement } from './stream-management.js'
import { type StreamParts, StreamStart } from './stream-start.js'

const attachingSeconds = 30
const mostFailures = 5
const wrongTokenMilliseconds = 2_000

/** Only mechanisms for tokens. Clients would prefer SCRAM, and fail. */
const loginFeatures =
  `<mechanisms xmlns='${saslNamespace}'><mechanism>PLAIN</mechanism></mechanisms>` +
  `<authentication xmlns='${sasl2Namespace}'><mechanism>PLAIN</mechanism><inline><bind xmlns='${bind2Namespace}'/>` +
  `<sm xmlns='${smNamespace}'/><fast xmlns='${fastNamespace}'><mechanism>${hashedToken}</mechanism></fast></inline>` +
  '</authentication>'
const notResumed = writeFailed('item-not-found')
const bindFeature = `<bind xmlns='${bindNamespace}'/>`

/** A session whose ticket has been used. */
interface Admitted {
  readonly session: Session
  readonly jid: string
  /** Its client at that time. */
  readonly before: Client | undefined
  /** The service's proof. */
  readonly proof: Buffer
}

type Step = 'open' | 'login' | 'refusal' | 'restart' | 'bind'

export class Attaching extends StreamStart {
  #step: Step = 'open'
  /** After the login. */
  #admitted: Admitted | undefined
  #domain = ''
  #failures = 0
  #messages = 0
  /** Messages that another process has answered. */
  #answered = 0
  readonly #routes: SocketRoutes | undefined

  /** `routes` is undefined with one process, or if another has the WebSocket. */
  constructor(channel: SocketChannel, parts: StreamParts, routes?: SocketRoutes) {
    super(channel, parts, attachingSeconds)
    this.#routes = routes
  }

  override onMessage(message: Buffer): void {
    if (this.waiting === undefined) this.#messages += 1
    if (this.#messages > this.#answered) super.onMessage(message)
  }

  /** The client has sent, and will send again, `messages` that are answered. */
  continueAfter({ domain, failures, messages }: LoginBefore): void {
    this.#step = 'login'
    this.#domain = domain
    this.#failures = failures
    this.#answered = messages
    if (!allowsDomain(this.parts.config.domains, domain)) this.refuse('host-unknown')
  }

  protected override take(element: Element): void {
    if (this.#step === 'login') this.#logIn(element)
    else if (this.#step === 'bind') this.#continue(this.#admitted!, element)
    // Refuses clients that send more before the reply to their token, because they could try many tokens.
    else if (this.#step === 'refusal') this.refuse('policy-violation')
    else this.#open(element)
  }

  protected override get introduction(): readonly string[] {
    return this.#step === 'open' ? super.introduction : []
  }

  #open(element: Element): void {
    const opened = this.opening(element)
    if (opened === undefined) return
    if (opened.domain === undefined) this.refuse('improper-addressing')
    else if (!allowsDomain(this.parts.config.domains, opened.domain)) this.refuse('host-unknown')
    else if (this.#admitted !== undefined && opened.domain !== this.#domain) this.refuse('host-unknown')
    else {
      this.#domain = opened.domain
      this.#step = this.#admitted === undefined ? 'login' : 'bind'
      this.channel.send(writeOpen(opened.domain, randomUUID()))
      this.#offer(this.#admitted === undefined ? loginFeatures : bindFeature + featuresOf(this.#admitted.session))
    }
  }

  #offer(features: string): void {
    this.channel.send(declareStream(`<stream:features>${features}</stream:features>`))
  }

  #logIn(element: Element): void {
    const credentials = readCredentials(element, this.#domain)
    if (credentials === undefined) this.refuse('not-authorized')
    else if (typeof credentials === 'string') this.#fail(element.namespace, credentials)
    else if (this.#routes !== undefined && !this.#isHere(credentials))
      void this.#find(this.#routes, credentials, element.namespace)
    else this.#check(credentials, element.namespace)
  }

  #isHere({ proof }: PageCredentials): boolean {
    return this.parts.common.registry.byTicket(proof) !== undefined
  }

  async #find(routes: SocketRoutes, credentials: PageCredentials, namespace: string): Promise<void> {
    const waiting: Buffer[] = []
    this.waiting = waiting
    this.channel.pause()
    const place = await routes
      .find(credentials, () => this.#isHere(credentials))
      .catch(error => {
        if (!(error instanceof StoreUnavailable)) this.parts.common.log.report(error, 'websocket')
        return 'unknown' as const
      })
    if (place === 'here' || place === undefined) {
      // Reads what has come meanwhile. If it is the end of the connection, the token stays valid for the next one.
      this.channel.resume()
      await new Promise(setImmediate)
    }
    this.waiting = undefined
    if (this.isGone || !this.channel.isOpen) return
    if (place === 'unknown') this.refuse('resource-constraint', closeCodes.full)
    else if (place !== undefined && place !== 'here') {
      const before = { domain: this.#domain, failures: this.#failures, messages: this.#messages - 1 }
      if (!routes.forward(place, before)) return this.refuse('policy-violation')
      this.over()
      this.channel.detach()
    } else {
      this.#check(credentials, namespace)
      for (const message of waiting) this.channel.events.onMessage(message)
    }
  }

  #check(credentials: PageCredentials, namespace: string): void {
    if (this.parts.common.registry.byTicket(credentials.proof)?.uplink.isDoubted === true)
      return void this.refuse('resource-constraint', closeCodes.full)
    const admitted = this.#admit(credentials)
    this.#admitted = admitted
    if (admitted === undefined) return void this.#rejectToken(namespace)
    this.#routes?.stay()
    if (credentials.isSasl2) this.#admitInline(admitted, credentials)
    else {
      this.#step = 'restart'
      this.channel.send(`<success xmlns='${saslNamespace}'/>`)
    }
  }

  /** A session that has used TLS is found over TLS only. */
  #admit({ local, proof }: PageCredentials): Admitted | undefined {
    const { registry, clock } = this.parts.common
    const session = registry.byTicket(proof)
    if (session === undefined) return undefined
    const { jid, ticket } = session.stage
    if (jid === undefined || ticket?.admits(proof, clock.now()) !== true) return undefined
    const isOfUser = userOf(jid) === userOf(`${local}@${this.#domain}`)
    const mayHave = this.channel.client.secure || !session.isSecure
    if (!isOfUser || !mayHave) return undefined
    session.stage.spendTicket()
    return { session, jid, before: session.client, proof: ticket.proof }
  }

  /** XEP-0388 §2.6. */
  #admitInline(admitted: Admitted, { wantsProof, wantsBind, resume }: PageCredentials): void {
    this.#step = 'bind'
    const { session, jid, proof } = admitted
    const management = resume === undefined ? undefined : resumable(session, resume)
    const hasSession = management !== undefined || wantsBind
    const failed = resume === undefined ? '' : notResumed
    const bound = wantsBind ? `<bound xmlns='${bind2Namespace}'/>` : ''
    const success =
      `<success xmlns='${sasl2Namespace}'>` +
      (wantsProof ? `<additional-data>${proof.toString('base64')}</additional-data>` : '') +
      `<authorization-identifier>${escapeXml(hasSession ? jid : bareOf(jid))}</authorization-identifier>` +
      `${management?.resumed ?? failed + bound}</success>`
    const tell = () => {
      this.channel.send(success)
      this.#offer(management !== undefined ? '' : (wantsBind ? '' : bindFeature) + featuresOf(session))
    }
    if (hasSession) this.#attach(admitted, management, tell)
    else tell()
  }

  async #rejectToken(namespace: string): Promise<void> {
    const { common, noteRefusal, wrongTokens } = this.parts
    const { address } = this.channel.client
    this.#step = 'refusal'
    noteRefusal('wrong token', address)
    this.channel.pause()
    try {
      if ((await wrongTokens.take(clientOf(address))) !== undefined) {
        common.refused('wrong-tokens', { address: clientOf(address) })
        await pause(common.clock, wrongTokenMilliseconds)
      }
      this.#step = 'login'
      this.channel.resume()
      this.#fail(namespace, 'not-authorized')
    } catch (error) {
      common.log.report(error, 'websocket')
      this.refuse('internal-server-error')
    }
  }

  /** RFC 6120 §6.4.5. */
  #fail(namespace: string, condition: SaslFault): void {
    this.channel.send(writeSaslFailure(namespace, condition))
    if (++this.#failures >= mostFailures) this.refuse('policy-violation')
  }

  #continue(admitted: Admitted, element: Element): void {
    const { name, namespace, text } = element
    const [child] = name === 'iq' ? childrenOf(text) : []
    if (child?.name === 'bind' && child.namespace === bindNamespace) this.#bind(admitted, text)
    else if (name === 'resume' && namespace === smNamespace) this.#resume(admitted, text)
    else this.refuse('not-authorized')
  }

  /** Ignores the requested resource, because the session already has a resource. */
  #bind(admitted: Admitted, text: string): void {
    const id = startTagOf(text).attribute('id') ?? ''
    const bound = `<bind xmlns='${bindNamespace}'><jid>${escapeXml(admitted.jid)}</jid></bind>`
    const result = `<iq xmlns='jabber:client' type='result' id='${escapeXml(id)}'>${bound}</iq>`
    this.#attach(admitted, undefined, () => this.channel.send(result))
  }

  /** XEP-0198 §5. */
  #resume(admitted: Admitted, text: string): void {
    const management = resumable(admitted.session, text)
    if (management === undefined) this.channel.send(notResumed)
    else this.#attach(admitted, management, () => this.channel.send(management.resumed))
  }

  #attach({ session, before }: Admitted, management: StreamManagement | undefined, tell: () => void): void {
    const { channel } = this
    if (session.client !== before || !session.stage.isAwaited) return void this.refuse('conflict')
    if (session.isRemoved) return void this.refuse('remote-connection-failed')
    if (session.uplink.isDoubted) return void this.refuse('resource-constraint', closeCodes.full)
    session.run(() => {
      const isTaken = session.handOver(next => new PageClient(session, channel, this.parts, next, management))
      if (!isTaken) return this.refuse('remote-connection-failed')
      this.over()
      if (management === undefined) session.uplink.managed?.unrecorded?.repeatsNoMore()
      else session.outbox.skip(management.arrived)
      tell()
      session.flush()
    })
  }
}

/** Other features of the server, such as roster versions, are for clients that keep what they got at an earlier login. */
function featuresOf({ clientStates }: Session): string {
  const states = clientStates.reachServer ? `<csi xmlns='${csiNamespace}'/>` : ''
  return `<sm xmlns='${smNamespace}'/>${states}`
}

function resumable({ outbox, uplink }: Session, text: string): StreamManagement | undefined {
  const tag = startTagOf(text)
  const before = outbox.resumption as PageResumption | undefined
  const count = readCount(tag.attribute('h'))
  if (before === undefined || tag.attribute('previd') !== before.id || count === undefined) return undefined
  const unsure = uplink.managed?.unconfirmed.filter(({ isOurs }) => isOurs !== true) ?? []
  return StreamManagement.resume(before, count, unsure)
}

const bareOf = (jid: string) => jid.slice(0, jid.indexOf('/'))
