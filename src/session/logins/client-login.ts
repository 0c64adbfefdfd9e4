import type { ProblemCode, Step } from '../../lib/errors.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { userOf } from '../../xmpp/jid/jid.js'
import { isOfSasl, sasl2Namespace, saslNamespace } from '../../xmpp/namespaces.js'
import { readStreamId, writeFailed } from '../../xmpp/stanza-counts.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import type { Session } from '../session.js'
import type { CommonParts } from '../session-keeper.js'
import { bindAnswer, bindRequest, isFullJid, jidInSuccess } from './bound-jid.js'
import type { ClientAttempts } from './client-attempts.js'
import { isManagement, type ResumableStreams } from './resumable-streams.js'
import { SaslAccount } from './sasl-account.js'

/** `sasl`: RFC 6120 §6. `sasl2`: XEP-0388. */
type LoginStage = 'stranger' | 'sasl' | 'sasl2' | 'mustRestart' | 'mayBind' | 'outOfOrder'

const mostRequests = 10

/** Characters: enough for a Kerberos token of 12,000 bytes (RFC 4752). */
const longestElement = 16 * 1024

export interface ClientLoggedIn {
  /** A bare JID if only the account of a resumed stream is known. */
  readonly jid: string
  readonly resumed?: string | undefined
}

/**
 * Learns a client's JID from its login. Blocks requests that could log in unnoticed. Ignores all elements after the
 * first element that another user could have sent.
 */
export class ClientLogin {
  #stage: LoginStage = 'stranger'
  #hasTried = false
  readonly #requests = new Set<string>()
  readonly #sasl: SaslAccount
  #account: string | undefined
  /** True once elements of other users may arrive. */
  #isForeign = false
  /** False after `<resume/>`, and after other requests of stream management, whose answers look the same. */
  #mayResume = true
  #resuming: string | undefined

  readonly end: number
  readonly #streams: ResumableStreams

  constructor(
    readonly domain: string,
    { limits, registry }: CommonParts,
    now: number,
    readonly attempts: ClientAttempts,
  ) {
    this.end = now + limits.loginMilliseconds
    this.#streams = registry.streams
    this.#sasl = new SaslAccount(domain)
  }

  get step(): Step {
    if (this.#stage === 'mustRestart' || this.#stage === 'mayBind') return 'bind'
    return this.#hasTried ? 'sasl' : 'features'
  }

  /** Returns the elements for the server, and answers for the client, or why the session must end. */
  screen(elements: readonly Element[], session: Session) {
    const answers: Element[] = []
    const passed: Element[] = []
    try {
      for (const element of elements) {
        if (element.text.length > longestElement || !this.#mayPass(element)) return 'policy-violation'
        if (isRequestToResume(element) && !this.#resumes(element)) answers.push(notResumed(element))
        else passed.push(element)
      }
    } catch (error) {
      if (error instanceof XmlError) return 'policy-violation'
      throw error
    }
    for (const element of passed) this.attempts.sent(element, session)
    return this.attempts.areUsedUp ? 'refused-logins' : { passed, answers }
  }

  received(element: Element, server: string | undefined): ClientLoggedIn | undefined {
    this.attempts.received(element, server)
    if (this.#isForeign) return undefined
    const loggedIn = this.#learnFrom(element)
    if (loggedIn === undefined) this.#isForeign = isForUsers(element)
    return loggedIn
  }

  /** A restart is allowed once, for the same domain (XEP-0206 §5). */
  restart(to: string | undefined): boolean {
    if (this.#stage !== 'mustRestart') return false
    this.#stage = 'mayBind'
    return to === undefined || prepareDomain(to) === this.domain
  }

  /** Returns true if the unfinished login may be of this user (a bare JID). */
  mayBecome(jid: string): boolean {
    if (isFullJid(jid) || this.#stage === 'stranger') return false
    const account = this.#account ?? this.#sasl.account
    if (account !== undefined) return userOf(account) === userOf(jid)
    const hasSucceeded = this.#stage !== 'sasl' && this.#stage !== 'sasl2'
    return hasSucceeded && prepareDomain(jid.slice(jid.indexOf('@') + 1)) === this.domain
  }

  #mayPass(element: Element): boolean {
    const { name, namespace } = element
    // Servers accept an `<iq/>` in other namespaces too, such as `jabber:server`, even as a login.
    if (name === 'iq' && (namespace !== 'jabber:client' || isLegacyLogin(element))) return false
    if (isManagement(element) && name !== 'resume') this.#mayResume = false
    const isSasl = isOfSasl(namespace)
    // `childrenOf` may throw, so it runs before the stage changes.
    const inline = namespace === sasl2Namespace ? childrenOf(element.text) : []
    if (isSasl) this.#hasTried = true
    switch (this.#stage) {
      case 'stranger':
        if (namespace === saslNamespace && name === 'auth') this.#stage = 'sasl'
        else if (namespace === sasl2Namespace && name === 'authenticate') {
          this.#stage = 'sasl2'
          const asked = inline.filter(isRequestToResume)
          this.#resuming = asked.length === 1 ? idToResume(asked[0]!) : undefined
        }
        break
      case 'sasl':
      case 'sasl2':
        // After two logins, `<success/>` could belong to either login.
        if (isSasl && (name === 'auth' || name === 'authenticate')) return false
        // Another element during a login makes the server's answers ambiguous, so `<success/>` is then ignored.
        if (this.#stage === 'sasl' && !isSasl) this.#stage = 'stranger'
        if (!isSasl) this.#sasl.disturbed()
        break
      case 'mustRestart':
        this.#stage = 'outOfOrder'
        break
      case 'mayBind':
        return !isSasl && this.#mayBind(element)
    }
    if (namespace === saslNamespace || (this.#stage === 'sasl' && isSasl)) this.#sasl.sent(element)
    return bindRequest(element, this.domain) === undefined && !isRequestToResume(element)
  }

  #mayBind(element: Element): boolean {
    const request = bindRequest(element, this.domain)
    if (request === undefined) return true
    if (request === 'unclear' || this.#requests.size >= mostRequests) return false
    this.#requests.add(request.id)
    return true
  }

  /** Returns false if the owner of the stream is unknown, or answers to earlier requests would look the same. */
  #resumes(element: Element): boolean {
    const id = idToResume(element)
    if (id === undefined || !this.#mayResume || this.#ownerOf(id) === undefined) return false
    this.#mayResume = false
    this.#resuming = id
    return true
  }

  #ownerOf(id: string | undefined): string | undefined {
    const account = this.#account ?? this.#sasl.account
    const jid = id === undefined ? undefined : this.#streams.of(this.domain, id)?.jid
    const isOther = account !== undefined && jid !== undefined && userOf(jid) !== userOf(account)
    return isOther ? account : (jid ?? account)
  }

  #learnFrom(element: Element): ClientLoggedIn | undefined {
    const { name, namespace } = element
    switch (this.#stage) {
      case 'sasl':
        if (namespace !== saslNamespace) break
        if (name === 'challenge') this.#sasl.challenged()
        else if (name === 'success') this.#stage = 'mustRestart'
        else if (name === 'failure') this.#stage = 'stranger'
        break
      case 'sasl2':
        if (namespace !== sasl2Namespace) break
        if (name === 'failure') this.#stage = 'stranger'
        else if (name === 'success') return this.#succeeded(element)
        break
      case 'mustRestart':
        this.#stage = 'outOfOrder'
        break
      case 'mayBind':
        return this.#receivedAnswer(element)
    }
    return undefined
  }

  #succeeded(success: Element): ClientLoggedIn | undefined {
    this.#stage = 'mayBind'
    const resuming = this.#resuming
    this.#resuming = undefined
    const jid = jidInSuccess(success, this.domain)
    if (jid === undefined) return undefined
    this.#account = jid.split('/', 1)[0]!
    if (childrenOf(success.text).some(isResumed))
      return { jid: isFullJid(jid) ? jid : (this.#ownerOf(resuming) ?? jid), resumed: resuming }
    return isFullJid(jid) ? { jid } : undefined
  }

  #receivedAnswer(element: Element): ClientLoggedIn | undefined {
    const resuming = this.#resuming
    if (resuming !== undefined && isManagement(element)) {
      this.#resuming = undefined
      const jid = isResumed(element) ? this.#ownerOf(resuming) : undefined
      return jid === undefined ? undefined : { jid, resumed: resuming }
    }
    if (this.#requests.size === 0) return undefined
    const answer = bindAnswer(element, this.domain)
    if (answer === undefined || !this.#requests.delete(answer.id)) return undefined
    return answer.jid === undefined ? undefined : { jid: answer.jid }
  }
}

function isRequestToResume(element: Element): boolean {
  return element.name === 'resume' && isManagement(element)
}

function idToResume(element: Element): string | undefined {
  return isRequestToResume(element) ? readStreamId(startTagOf(element.text).attribute('previd')) : undefined
}

/** After this answer, the client binds a resource (XEP-0198 §5). */
function notResumed({ namespace }: Element): Element {
  return { name: 'failed', namespace, text: writeFailed('item-not-found', namespace) }
}

/** XEP-0078. The answer does not name the user, so the service could not learn the JID. */
function isLegacyLogin({ text }: Element): boolean {
  return childrenOf(text).some(({ namespace }) => namespace === 'jabber:iq:auth')
}

function isForUsers(element: Element): boolean {
  const { name, namespace, text } = element
  if (namespace === 'jabber:client') {
    // Before the login, the server itself may send an error.
    return (name === 'message' || name === 'presence') && startTagOf(text).attribute('type') !== 'error'
  }
  if (namespace === sasl2Namespace) return name === 'success' && childrenOf(text).some(isResumed)
  return isResumed(element)
}

function isResumed(element: Element): boolean {
  return element.name === 'resumed' && isManagement(element)
}

export function refusedLogin({ name, namespace, text }: Element): ProblemCode | undefined {
  if (name !== 'failure' || !isOfSasl(namespace)) return undefined
  const isRefused = childrenOf(text).some(child => child.name === 'not-authorized')
  return isRefused ? 'not-authorized' : 'login-failed'
}
