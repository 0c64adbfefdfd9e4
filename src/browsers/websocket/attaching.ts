import { randomUUID } from 'node:crypto'
import { clientOf } from '../../lib/client-network.js'
import type { KeyedRate } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import type { Client } from '../../session/client.js'
import type { Session } from '../../session/session.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { userOf } from '../../xmpp/jid/jid.js'
import {
  bind2Namespace,
  bindNamespace,
  fastNamespace,
  sasl2Namespace,
  saslNamespace,
  smNamespace,
  stanzaErrorNamespace,
} from '../../xmpp/namespaces.js'
import { readCount } from '../../xmpp/stanza-counts.js'
import { writeSaslFailure } from '../../xmpp/stream-errors.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import type { LoginBefore } from './carried-sockets.js'
import { type Channel, closeCodes } from './channel.js'
import { declareStream, writeOpen } from './framing.js'
import { PageClient, type PageParts } from './page-client.js'
import { hashedToken, type PageCredentials, readCredentials, type SaslFault } from './page-credentials.js'
import { type Resumption, StreamManagement } from './stream-management.js'
import { type StartParts, StreamStart } from './stream-start.js'

export interface AttachingParts extends PageParts, StartParts {
  readonly domains: readonly string[]
  readonly wrongTokens: KeyedRate
  readonly refused: OnRefused
}

export interface Forwarding {
  readonly nodeInUrl: string | undefined
  carry(name: string, before: LoginBefore, credentials: string): boolean
  isAwaited(name: string): boolean
  /** `isKnown`: the process of the name is known or gone. The returned function ends the wait. */
  whenKnown(name: string, bytes: number, then: (isKnown: boolean) => void): () => void
}

const attachingSeconds = 30
const mostFailures = 5
const wrongTokenMilliseconds = 2_000

/** Only mechanisms for tokens. Clients would prefer SCRAM, and fail. */
const loginFeatures =
  `<mechanisms xmlns='${saslNamespace}'><mechanism>PLAIN</mechanism></mechanisms>` +
  `<authentication xmlns='${sasl2Namespace}'><mechanism>PLAIN</mechanism><inline><bind xmlns='${bind2Namespace}'/>` +
  `<sm xmlns='${smNamespace}'/><fast xmlns='${fastNamespace}'><mechanism>${hashedToken}</mechanism></fast></inline>` +
  '</authentication>'
const managementFeature = `<sm xmlns='${smNamespace}'/>`
const notResumed = `<failed xmlns='${smNamespace}'><item-not-found xmlns='${stanzaErrorNamespace}'/></failed>`
const bindFeature = `<bind xmlns='${bindNamespace}'/>`

export class Attaching extends StreamStart<AttachingParts> {
  #step: 'open' | 'login' | 'refusal' | 'restart' | 'bind' = 'open'
  #domain = ''
  #session: Session | undefined
  #failures = 0
  #before: Client | undefined
  #stopWaiting: (() => void) | undefined
  readonly #forwarding: Forwarding | undefined

  /** `forwarding` is undefined with one process, or if another has the WebSocket. */
  constructor(
    channel: Channel,
    parts: AttachingParts,
    secureUrl: string | undefined,
    onOver: () => void,
    forwarding?: Forwarding,
  ) {
    super(channel, parts, secureUrl, attachingSeconds, onOver)
    this.#forwarding = forwarding
  }

  continueLogin({ domain, failures }: LoginBefore, credentials: Buffer): void {
    this.#step = 'login'
    this.#domain = domain
    this.#failures = failures
    if (allowsDomain(this.parts.domains, domain)) this.onMessage(credentials)
    else this.refuse('host-unknown')
  }

  protected override take(element: Element): void {
    switch (this.#step) {
      case 'open':
      case 'restart':
        this.#open(element)
        break
      case 'login':
        this.#logIn(element)
        break
      case 'refusal':
        // Refuses clients that send more before the reply to their token, because they could try many tokens.
        this.refuse('policy-violation')
        break
      case 'bind':
        this.#continue(element)
    }
  }

  protected override over(): void {
    this.#stopWaiting?.()
    super.over()
  }

  protected override get introduction(): readonly string[] {
    return this.#step === 'open' ? super.introduction : []
  }

  #open(element: Element): void {
    const opened = this.opening(element)
    if (opened === undefined) return
    if (opened.domain === undefined) this.refuse('improper-addressing')
    else if (!allowsDomain(this.parts.domains, opened.domain)) this.refuse('host-unknown')
    else if (this.#step === 'restart' && opened.domain !== this.#domain) this.refuse('host-unknown')
    else {
      this.#domain = opened.domain
      const isIn = this.#step === 'restart'
      this.#step = isIn ? 'bind' : 'login'
      this.channel.send(writeOpen(opened.domain, randomUUID()))
      this.#offer(isIn ? bindFeature + managementFeature : loginFeatures)
    }
  }

  #offer(features: string): void {
    this.channel.send(declareStream(`<stream:features>${features}</stream:features>`))
  }

  #logIn(element: Element): void {
    const credentials = readCredentials(element, this.#domain)
    if (credentials === undefined) this.refuse('not-authorized')
    else if (typeof credentials === 'string') this.#fail(element.namespace, credentials)
    else if (this.#forwarding === undefined) this.#check(credentials, element.namespace)
    else {
      // A hash (`wantsProof`) does not name the process, so the URL must name it. A token names it.
      const name = (credentials.wantsProof ? this.#forwarding.nodeInUrl : credentials.node) ?? ''
      this.#forward(this.#forwarding, name, credentials, element)
    }
  }

  #forward(forwarding: Forwarding, name: string, credentials: PageCredentials, { namespace, text }: Element): void {
    const forward = () => {
      if (forwarding.carry(name, { domain: this.#domain, failures: this.#failures }, text)) this.over()
      else this.#check(credentials, namespace)
    }
    if (!forwarding.isAwaited(name)) {
      forward()
      return
    }
    this.#step = 'refusal'
    this.channel.pause()
    this.#stopWaiting = forwarding.whenKnown(name, text.length, isKnown => {
      this.#step = 'login'
      this.channel.resume()
      if (isKnown) forward()
      else this.refuse('resource-constraint', closeCodes.full)
    })
  }

  #check(credentials: PageCredentials, namespace: string): void {
    const session = this.#sessionOf(credentials)
    if (session === undefined) this.#rejectToken(namespace)
    else this.#admit(session, credentials)
  }

  /** A session that has used TLS is found over TLS only. */
  #sessionOf({ local, proof }: PageCredentials): Session | undefined {
    const { registry, clock } = this.parts
    const session = registry.tickets.sessionFor(proof)
    if (session?.stage.ticket?.admits(proof, clock.now()) !== true) return undefined
    const isOfUser = userOf(session.jid!) === userOf(`${local}@${this.#domain}`)
    const mayHave = this.channel.isSecure || !session.isSecure
    return isOfUser && mayHave ? session : undefined
  }

  #admit(session: Session, credentials: PageCredentials): void {
    this.#session = session
    this.#before = session.client
    const { proof } = session.stage.ticket!
    session.stage.spendTicket()
    if (credentials.isSasl2) this.#admitInline(session.jid!, credentials, proof)
    else {
      this.#step = 'restart'
      this.channel.send(`<success xmlns='${saslNamespace}'/>`)
    }
  }

  /** XEP-0388 §2.6. */
  #admitInline(jid: string, { wantsProof, wantsBind, resume }: PageCredentials, proof: Buffer): void {
    this.#step = 'bind'
    const management = resume === undefined ? undefined : this.#resumable(resume)
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
      this.#offer(management !== undefined ? '' : wantsBind ? managementFeature : bindFeature + managementFeature)
    }
    if (hasSession) this.#attach(management, tell)
    else tell()
  }

  #rejectToken(namespace: string): void {
    this.#step = 'refusal'
    this.parts.noteRefusal('wrong token', this.channel.address)
    this.channel.pause()
    const address = clientOf(this.channel.address)
    this.parts.wrongTokens
      .take(address)
      .then(wait => {
        const answer = () => {
          this.#step = 'login'
          this.channel.resume()
          this.#fail(namespace, 'not-authorized')
        }
        if (wait === undefined) {
          answer()
          return
        }
        this.parts.refused('wrong-tokens', { address })
        this.parts.clock.after(wrongTokenMilliseconds, answer)
      })
      .catch(error => {
        this.parts.opener.report(error, 'websocket')
        this.refuse('internal-server-error')
      })
  }

  /** RFC 6120 §6.4.5. */
  #fail(namespace: string, condition: SaslFault): void {
    this.channel.send(writeSaslFailure(namespace, condition))
    if (++this.#failures >= mostFailures) this.refuse('policy-violation')
  }

  #continue(element: Element): void {
    const { name, namespace, text } = element
    const [child] = name === 'iq' ? childrenOf(text) : []
    if (child?.name === 'bind' && child.namespace === bindNamespace) this.#bind(text)
    else if (name === 'resume' && namespace === smNamespace) this.#resume(text)
    else this.refuse('not-authorized')
  }

  /** Ignores the requested resource, because the session already has a resource. */
  #bind(text: string): void {
    const id = startTagOf(text).attribute('id') ?? ''
    const jid = `<bind xmlns='${bindNamespace}'><jid>${escapeXml(this.#session!.jid!)}</jid></bind>`
    this.#attach(undefined, () =>
      this.channel.send(`<iq xmlns='jabber:client' type='result' id='${escapeXml(id)}'>${jid}</iq>`),
    )
  }

  /** XEP-0198 §5. */
  #resume(text: string): void {
    const management = this.#resumable(text)
    if (management === undefined) this.channel.send(notResumed)
    else this.#attach(management, () => this.channel.send(management.resumed))
  }

  #resumable(text: string): StreamManagement | undefined {
    const tag = startTagOf(text)
    const before = this.#session!.outbox.resumption as Resumption | undefined
    const count = readCount(tag.attribute('h'))
    if (before === undefined || tag.attribute('previd') !== before.id || count === undefined) return undefined
    return StreamManagement.resume(before, count)
  }

  #attach(management: StreamManagement | undefined, tell: () => void): void {
    const session = this.#session!
    const { channel } = this
    if (session.client !== this.#before || session.stage.wait === undefined) {
      this.refuse('conflict')
      return
    }
    if (session.isRemoved) {
      this.refuse('remote-connection-failed')
      return
    }
    session.run(() => {
      const isTaken = session.handOver(next => new PageClient(session, channel, this.parts, next, management))
      if (!isTaken) {
        this.refuse('remote-connection-failed')
        return
      }
      this.over()
      if (management !== undefined) session.outbox.skip(management.arrived)
      tell()
      session.flush()
    })
  }
}

const bareOf = (jid: string) => jid.slice(0, jid.indexOf('/'))
