import type { ProblemCode } from '../../lib/errors.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { userOf } from '../../xmpp/jid/jid.js'
import { sasl2Namespace, saslNamespace, stanzaErrorNamespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import { bindAnswer, bindRequest, isFull, jidInSuccess } from './bound-jid.js'
import { longestStreamId, type ResumableStreams, smFamily } from './resumable-streams.js'
import { SaslAccount } from './sasl-account.js'

/**
 * How far a login has come. `stranger`: nothing is under way. `sasl`, `sasl2`: the client has sent a login (RFC 6120 §6,
 * XEP-0388). `welcome`: the last element on the stream was the server's `<success/>`. `inside`: a resource may be bound. `spent`:
 * client or server has sent something out of turn, and nothing counts any more.
 */
type Stage = 'stranger' | 'sasl' | 'sasl2' | 'welcome' | 'inside' | 'spent'

/** How many unanswered requests to bind a resource there may be. */
const mostRequests = 10

/** Longest element before the JID is known, in UTF-16 units: a Kerberos token of 12,000 bytes fits in (RFC 4752). */
const longestElement = 16 * 1024

/** The elements of a client that go to its server, and the answers of this service to others. */
export interface Screened {
  readonly passed: readonly Element[]
  readonly answers: readonly Element[]
}

/** The JID that a login has shown, and the id of the resumed stream, if any. */
export interface LoggedIn {
  /** Full; bare if only the account of a resumed stream is known. */
  readonly jid: string
  readonly resumed?: string | undefined
}

/**
 * Watches a client log in to its server by itself, so that its JID is known as soon as it is logged in. Withholds requests that
 * could log the client in without showing its JID. The JID is read only from the server's answer to a request of the client:
 * after a login, the server also passes on what other users write. A stream may restart only before another user can have written
 * on it.
 */
export class LoginWatch {
  #stage: Stage = 'stranger'
  /** The ids of the requests to bind a resource that have no answer yet. */
  readonly #requests = new Set<string>()
  readonly #sasl: SaslAccount
  /** The bare JID of the account that has logged in with SASL2. */
  #account: string | undefined
  /** Whether other users may have written on the stream. From then on no JID is read, and the time to log in runs out. */
  #isForeign = false
  /** Whether the client may ask to resume: it has sent nothing whose answer could be mistaken for the answer to that. */
  #mayResume = true
  /** The id of the stream that the client has asked to resume. */
  #resuming: string | undefined

  /** Until when the client must be logged in, in milliseconds of the clock. */
  readonly end: number
  readonly #streams: ResumableStreams

  constructor(
    readonly domain: string,
    { loginMilliseconds, streams }: { loginMilliseconds: number; streams: ResumableStreams },
    now: number,
  ) {
    this.end = now + loginMilliseconds
    this.#streams = streams
    this.#sasl = new SaslAccount(domain)
  }

  /** Checks what the client sends. Undefined if none of it may go to its server. */
  screen(elements: readonly Element[]): Screened | undefined {
    try {
      return this.#screen(elements)
    } catch (error) {
      if (error instanceof XmlError) return undefined
      throw error
    }
  }

  #screen(elements: readonly Element[]): Screened | undefined {
    const answers: Element[] = []
    const passed: Element[] = []
    for (const element of elements) {
      if (element.text.length > longestElement) return undefined
      if (!this.#mayPass(element)) return undefined
      if (isRequestToResume(element) && !this.#resumes(element)) answers.push(notResumed(element))
      else passed.push(element)
    }
    return { passed, answers }
  }

  /** Reads what the server sends. Returns the JID once the server has told it. */
  received(element: Element): LoggedIn | undefined {
    if (this.#isForeign) return undefined
    const loggedIn = this.#learnFrom(element)
    if (loggedIn === undefined) this.#isForeign = isForUsers(element)
    return loggedIn
  }

  /** Whether the stream may restart: once, for the same domain (XEP-0206 §5). Records the restart. */
  restart(to: string | undefined): boolean {
    if (this.#stage !== 'welcome') return false
    this.#stage = 'inside'
    return to === undefined || prepareDomain(to) === this.domain
  }

  /** Whether the client is, or may be, on its way in as the user of this bare JID. If its user is in doubt, it may once it is let in. */
  mayBecome(jid: string): boolean {
    if (this.#stage === 'stranger') return false
    const account = this.#account ?? this.#sasl.account
    if (account !== undefined) return userOf(account) === userOf(jid)
    const isLetIn = this.#stage !== 'sasl' && this.#stage !== 'sasl2'
    return isLetIn && prepareDomain(jid.slice(jid.indexOf('@') + 1)) === this.domain
  }

  #mayPass(element: Element): boolean {
    const { name, namespace } = element
    // Servers also accept stanzas in the namespaces of other kinds of streams.
    if (name === 'iq' && (namespace !== 'jabber:client' || isLegacyLogin(element))) return false
    if (namespace.startsWith(smFamily) && name !== 'resume') this.#mayResume = false
    const isSasl = namespace === saslNamespace || namespace === sasl2Namespace
    // Throws here for children that inherit too much, and not later.
    const inline = namespace === sasl2Namespace ? childrenOf(element.text) : []
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
        // With two logins it would be unclear which one has succeeded.
        if (isSasl && (name === 'auth' || name === 'authenticate')) return false
        // Success would not be the last that the server says on this stream.
        if (this.#stage === 'sasl' && !isSasl) this.#stage = 'stranger'
        if (!isSasl) this.#sasl.disturbed()
        break
      case 'welcome':
        this.#stage = 'spent'
        break
      case 'inside':
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

  /** Records a request to resume a stream. Returns false if its owner would not be known. */
  #resumes(element: Element): boolean {
    const id = idToResume(element)
    if (id === undefined || !this.#mayResume || this.#ownerOf(id) === undefined) return false
    this.#mayResume = false
    this.#resuming = id
    return true
  }

  /** The JID of the client, once it has resumed this stream. */
  #ownerOf(id: string | undefined): string | undefined {
    const account = this.#account ?? this.#sasl.account
    const jid = id === undefined ? undefined : this.#streams.of(this.domain, id)?.jid
    const isOther = account !== undefined && jid !== undefined && userOf(jid) !== userOf(account)
    return isOther ? account : (jid ?? account)
  }

  #learnFrom(element: Element): LoggedIn | undefined {
    const { name, namespace } = element
    switch (this.#stage) {
      case 'sasl':
        if (namespace !== saslNamespace) break
        if (name === 'challenge') this.#sasl.challenged()
        else if (name === 'success') this.#stage = 'welcome'
        else if (name === 'failure') this.#stage = 'stranger'
        break
      case 'sasl2':
        if (namespace !== sasl2Namespace) break
        if (name === 'failure') this.#stage = 'stranger'
        else if (name === 'success') return this.#succeeded(element)
        break
      case 'welcome':
        this.#stage = 'spent'
        break
      case 'inside':
        return this.#heardInside(element)
    }
    return undefined
  }

  #succeeded(success: Element): LoggedIn | undefined {
    this.#stage = 'inside'
    const resuming = this.#resuming
    this.#resuming = undefined
    const told = jidInSuccess(success, this.domain)
    if (told === undefined) return undefined
    this.#account = told.split('/', 1)[0]!
    if (childrenOf(success.text).some(isResumed))
      return { jid: isFull(told) ? told : (this.#ownerOf(resuming) ?? told), resumed: resuming }
    return isFull(told) ? { jid: told } : undefined
  }

  #heardInside(element: Element): LoggedIn | undefined {
    const resuming = this.#resuming
    if (resuming !== undefined && element.namespace.startsWith(smFamily)) {
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

function isRequestToResume({ name, namespace }: Element): boolean {
  return name === 'resume' && namespace.startsWith(smFamily)
}

function idToResume(element: Element): string | undefined {
  const id = isRequestToResume(element) ? startTagOf(element.text).attribute('previd') : undefined
  return id !== undefined && id.length <= longestStreamId ? copyOf(id) : undefined
}

/** The answer of a server that does not know the stream: the client binds a resource instead (XEP-0198 §5). */
function notResumed({ namespace }: Element): Element {
  const xmlns = attribute('xmlns', namespace)
  const text = `<failed${xmlns}><item-not-found xmlns='${stanzaErrorNamespace}'/></failed>`
  return { name: 'failed', namespace, text }
}

/** A login as before SASL (XEP-0078): its answer does not name the user. */
function isLegacyLogin({ text }: Element): boolean {
  return childrenOf(text).some(({ namespace }) => namespace === 'jabber:iq:auth')
}

/** Whether a server sends this to its users only. */
function isForUsers(element: Element): boolean {
  const { name, namespace, text } = element
  if (namespace === 'jabber:client') {
    // Strangers get errors: in answer to what they send without being logged in.
    return (name === 'message' || name === 'presence') && startTagOf(text).attribute('type') !== 'error'
  }
  if (namespace === sasl2Namespace) return name === 'success' && childrenOf(text).some(isResumed)
  return isResumed(element)
}

function isResumed({ name, namespace }: Element): boolean {
  return name === 'resumed' && namespace.startsWith(smFamily)
}
/** The code of a login that the server refuses with this element (RFC 6120 §6.5); undefined where it does not. */
export function refusedLogin({ name, namespace, text }: Element): ProblemCode | undefined {
  if (name !== 'failure' || (namespace !== saslNamespace && namespace !== sasl2Namespace)) return undefined
  // SASL2 has the conditions of SASL (XEP-0388 §2.6.2).
  const isRefused = childrenOf(text).some(child => child.name === 'not-authorized')
  return isRefused ? 'not-authorized' : 'login-failed'
}
