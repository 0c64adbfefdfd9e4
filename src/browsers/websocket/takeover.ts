import { randomUUID } from 'node:crypto'
import { clientOf } from '../../lib/client-network.js'
import type { KeyedRate } from '../../lib/limits/rates.js'
import type { Client } from '../../session/client.js'
import type { Session } from '../../session/session.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { userOf } from '../../xmpp/jid/jid.js'
import {
  bind2Namespace,
  bindNamespace,
  sasl2Namespace,
  saslNamespace,
  smNamespace,
  stanzaErrorNamespace,
} from '../../xmpp/namespaces.js'
import { writeSaslFailure } from '../../xmpp/sasl-failure.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import type { Channel } from './channel.js'
import { declareStream, writeOpen } from './framing.js'
import { PageClient, type PageParts } from './page-client.js'
import { hashedToken, type PageCredentials, readCredentials, type SaslFault } from './page-credentials.js'
import type { LoginBefore } from './socket-carriage.js'
import { type Resumption, readCount, StreamManagement } from './stream-management.js'
import { type StartParts, StreamStart } from './stream-start.js'

export interface TakeoverParts extends PageParts, StartParts {
  /** Wrong tokens of each client: where there were too many, the answer to one more takes its time. */
  readonly wrongTokens: KeyedRate
}

/** How a client whose WebSocket is here gets to the other process that has its session. */
export interface WayOn {
  /** The name of the process that the page's URL has, for credentials that tell none. */
  readonly named: string | undefined
  /** Carries the client there with its credentials, from where it is in its login. False where there is no such other process. */
  carry(node: string, before: LoginBefore, credentials: string): boolean
}

/** How long a page may take until it has the session, in seconds. */
const takeoverSeconds = 30
/** Logins that may fail on one stream. */
const mostFailures = 5
/** How long a client waits that has shown too many wrong tokens, in milliseconds. */
const wrongTokenMilliseconds = 2_000

/** Nothing but the mechanisms by which tokens are shown: clients would prefer others, and could not use them. */
const loginFeatures =
  `<mechanisms xmlns='${saslNamespace}'><mechanism>PLAIN</mechanism></mechanisms>` +
  `<authentication xmlns='${sasl2Namespace}'><mechanism>PLAIN</mechanism><inline><bind xmlns='${bind2Namespace}'/>` +
  `<sm xmlns='${smNamespace}'/><fast xmlns='urn:xmpp:fast:0'><mechanism>${hashedToken}</mechanism></fast></inline>` +
  '</authentication>'
const managementFeature = `<sm xmlns='${smNamespace}'/>`
const notResumed = `<failed xmlns='${smNamespace}'><item-not-found xmlns='${stanzaErrorNamespace}'/></failed>`
const bindFeature = `<bind xmlns='${bindNamespace}'/>`

/** The stream of a page that takes over, by a token, a session which was logged in for it. */
export class Takeover extends StreamStart<TakeoverParts> {
  /** What is waited for. */
  #step: 'open' | 'login' | 'refusal' | 'restart' | 'bind' = 'open'
  #domain = ''
  #session: Session | undefined
  #failures = 0
  /** What spoke for the session when the page was let in. */
  #before: Client | undefined
  readonly #wayOn: WayOn | undefined

  /** `wayOn` is there where sessions may be in other processes, and the client has not been carried here from one. */
  constructor(
    channel: Channel,
    parts: TakeoverParts,
    secureUrl: string | undefined,
    onOver: () => void,
    wayOn?: WayOn,
  ) {
    super(channel, parts, secureUrl, takeoverSeconds, onOver)
    this.#wayOn = wayOn
  }

  /** Goes on with a client that another process has carried here, from where it was in its login. */
  goOn({ domain, failures }: LoginBefore, credentials: Buffer): void {
    this.#step = 'login'
    this.#domain = domain
    this.#failures = failures
    if (allowsDomain(this.parts.opener.domains, domain)) this.onMessage(credentials)
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
        // It must wait for the answer (RFC 6120 §6.4.2): else it could show any number of tokens in one go.
        this.refuse('policy-violation')
        break
      case 'bind':
        this.#continue(element)
    }
  }

  protected override get introduction(): readonly string[] {
    return this.#step === 'open' ? super.introduction : []
  }

  #open(element: Element): void {
    const opened = this.opening(element)
    if (opened === undefined) return
    if (opened.domain === undefined) this.refuse('improper-addressing')
    else if (!allowsDomain(this.parts.opener.domains, opened.domain)) this.refuse('host-unknown')
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
    else if (this.#isCarriedOn(credentials, element)) this.over()
    else {
      const session = this.#sessionOf(credentials)
      if (session === undefined) this.#turnDown(element.namespace)
      else this.#letIn(session, credentials)
    }
  }

  #isCarriedOn({ wantsProof, node }: PageCredentials, { text }: Element): boolean {
    // A hash of a token says nothing of it.
    const owner = wantsProof ? this.#wayOn?.named : node
    if (owner === undefined || this.#wayOn === undefined) return false
    return this.#wayOn.carry(owner, { domain: this.#domain, failures: this.#failures }, text)
  }

  /** The session whose ticket is shown. It must not come over another channel than TLS once it has come over that. */
  #sessionOf({ local, proof }: PageCredentials): Session | undefined {
    const { opener, clock } = this.parts
    const session = opener.registry.tickets.placeFor(proof)
    if (session?.ticket?.admits(proof, clock.now()) !== true) return undefined
    const isOfUser = userOf(session.jid!) === userOf(`${local}@${this.#domain}`)
    const mayHave = this.channel.isSecure || !session.isSecure
    return isOfUser && mayHave ? session : undefined
  }

  #letIn(session: Session, credentials: PageCredentials): void {
    this.#session = session
    this.#before = session.client
    const { proof } = session.ticket!
    session.spendTicket()
    if (credentials.isSasl2) this.#letInAtOnce(session.jid!, credentials, proof)
    else {
      this.#step = 'restart'
      this.channel.send(`<success xmlns='${saslNamespace}'/>`)
    }
  }

  /** What the page wants along with its login is done before it hears of that (XEP-0388 §2.6). */
  #letInAtOnce(jid: string, { wantsProof, wantsBind, resume }: PageCredentials, proof: Buffer): void {
    this.#step = 'bind'
    const management = resume === undefined ? undefined : this.#resumable(resume)
    const hasSession = management !== undefined || wantsBind
    const inline = [
      ...(management !== undefined ? [management.resumed] : resume !== undefined ? [notResumed] : []),
      ...(management === undefined && wantsBind ? [`<bound xmlns='${bind2Namespace}'/>`] : []),
    ]
    const success =
      `<success xmlns='${sasl2Namespace}'>` +
      (wantsProof ? `<additional-data>${proof.toString('base64')}</additional-data>` : '') +
      `<authorization-identifier>${escapeXml(hasSession ? jid : bareOf(jid))}</authorization-identifier>` +
      `${inline.join('')}</success>`
    const tell = () => {
      this.channel.send(success)
      // Of a stream that is resumed nothing is left to negotiate.
      this.#offer(
        management !== undefined ? '' : wantsBind ? managementFeature : bindFeature + managementFeature,
      )
    }
    if (hasSession) this.#takeOver(management, tell)
    else tell()
  }

  /** A wrong token, or one that is used or too late. */
  #turnDown(namespace: string): void {
    this.#step = 'refusal'
    this.parts.noteRefusal('wrong token', this.channel.address)
    this.channel.pause()
    this.parts.wrongTokens
      .take(clientOf(this.channel.address))
      .then(wait => {
        const answer = () => {
          this.#step = 'login'
          this.channel.resume()
          this.#fail(namespace, 'not-authorized')
        }
        if (wait === undefined) answer()
        else this.parts.clock.after(wrongTokenMilliseconds, answer)
      })
      .catch(error => {
        this.parts.opener.report(error)
        this.refuse('internal-server-error')
      })
  }

  /** The page may try again a few times, as long as its time is not over (RFC 6120 §6.4.5). */
  #fail(namespace: string, condition: SaslFault): void {
    if (++this.#failures > mostFailures) {
      this.refuse('policy-violation')
      return
    }
    this.channel.send(writeSaslFailure(namespace, condition))
  }

  #continue(element: Element): void {
    const { name, namespace, text } = element
    const [child] = name === 'iq' ? childrenOf(text) : []
    if (child?.name === 'bind' && child.namespace === bindNamespace) this.#bind(text)
    else if (name === 'resume' && namespace === smNamespace) this.#resume(text)
    else this.refuse('not-authorized')
  }

  /** Whatever resource is asked for, it is the one that the session has. */
  #bind(text: string): void {
    const id = startTagOf(text).attribute('id') ?? ''
    const jid = `<bind xmlns='${bindNamespace}'><jid>${escapeXml(this.#session!.jid!)}</jid></bind>`
    this.#takeOver(undefined, () =>
      this.channel.send(`<iq xmlns='jabber:client' type='result' id='${escapeXml(id)}'>${jid}</iq>`),
    )
  }

  /** Goes on with the stream of the page's last connection, as long as nothing has come between (XEP-0198 §5). */
  #resume(text: string): void {
    const management = this.#resumable(text)
    if (management === undefined) this.channel.send(notResumed)
    else this.#takeOver(management, () => this.channel.send(management.resumed))
  }

  /** The stream management with which the stream that is named by a `<resume/>` goes on; undefined where it cannot. */
  #resumable(text: string): StreamManagement | undefined {
    const tag = startTagOf(text)
    const before = this.#session!.resumption as Resumption | undefined
    const count = readCount(tag.attribute('h'))
    if (before === undefined || tag.attribute('previd') !== before.id || count === undefined) return undefined
    return StreamManagement.resume(before, count)
  }

  /** From here on the page has the session; `tell` says so. */
  #takeOver(management: StreamManagement | undefined, tell: () => void): void {
    const session = this.#session!
    const { channel } = this
    if (session.client !== this.#before || session.page === 'come') {
      // Meanwhile its backend has given it to another page, or a page has come over BOSH.
      this.refuse('conflict')
      return
    }
    session.guard(() => {
      const isTaken = session.takeOver(
        succession => new PageClient(session, channel, this.parts, succession, management),
      )
      if (!isTaken) {
        this.refuse('remote-connection-failed')
        return
      }
      this.over()
      if (management !== undefined) session.skip(management.arrived)
      tell()
      session.client!.flush()
    })
  }
}

const bareOf = (jid: string) => jid.slice(0, jid.indexOf('/'))
