import type { ProblemCode } from '../errors.js'
import { prepareDomain } from '../jid/domains.js'
import { sasl2Namespace, saslNamespace } from '../namespaces.js'
import { copyOf } from '../xml/copy-of.js'
import { childrenOf, startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'
import { bindAnswer, bindRequestId, jidInSuccess } from './bound-jid.js'

/**
 * How far a login has come. `stranger`: nothing is under way. `sasl`, `sasl2`: the client has asked to be let in
 * (RFC 6120 §6, XEP-0388). `welcome`: its server has let it in with the last thing that was said on the stream.
 * `inside`: a resource may be bound. `spent`: it has said something else than it had to, and nothing counts any more.
 */
type Stage = 'stranger' | 'sasl' | 'sasl2' | 'welcome' | 'inside' | 'spent'

/** How many unanswered requests to bind a resource are kept in mind, and how long their ids may be, in UTF-16 units. */
const mostRequests = 10
const longestId = 1024

/**
 * Watches a client log in to its server by itself. From then on the server passes on what other users write, which may
 * look like an answer of its own: so the JID is learned only from the answer to what the client has asked, and a stream
 * may begin anew only before another user can have written on it.
 */
export class LoginWatch {
  #stage: Stage = 'stranger'
  /** The ids of the requests to bind a resource that have no answer yet. */
  readonly #requests = new Set<string>()

  /** `end` is until when the client has to be logged in, in milliseconds of the clock. */
  constructor(
    readonly domain: string,
    readonly end: number,
  ) {}

  /** Takes note of what the client sends to its server. */
  sent(element: Element): void {
    const { name, namespace } = element
    switch (this.#stage) {
      case 'stranger':
      case 'sasl':
      case 'sasl2':
        if (namespace === saslNamespace && name === 'auth') this.#stage = 'sasl'
        else if (namespace === sasl2Namespace && name === 'authenticate') this.#stage = 'sasl2'
        // Success would not be the last that the server says on this stream.
        else if (namespace !== saslNamespace && this.#stage === 'sasl') this.#stage = 'stranger'
        break
      case 'welcome':
        this.#stage = 'spent'
        break
      case 'inside': {
        const id = bindRequestId(element, this.domain)
        if (id !== undefined && id.length <= longestId && this.#requests.size < mostRequests)
          this.#requests.add(copyOf(id))
      }
    }
  }

  /** Takes note of what the server says; gives back the login that it shows, with the full JID if that is told. */
  received(element: Element): { readonly jid: string | undefined } | undefined {
    const jid = this.#jidFrom(element)
    return jid !== undefined || isForUsers(element) ? { jid } : undefined
  }

  /** Whether the stream may begin anew, which it may once, for the same domain (XEP-0206 §5). Takes note that it does. */
  restart(to: string | undefined): boolean {
    if (this.#stage !== 'welcome') return false
    this.#stage = 'inside'
    return to === undefined || prepareDomain(to) === this.domain
  }

  #jidFrom(element: Element): string | undefined {
    const { name, namespace } = element
    if (namespace === saslNamespace && this.#stage === 'sasl') {
      if (name === 'success') this.#stage = 'welcome'
      else if (name === 'failure') this.#stage = 'stranger'
    } else if (namespace === sasl2Namespace && this.#stage === 'sasl2') {
      if (name === 'failure') this.#stage = 'stranger'
      else if (name === 'success') {
        this.#stage = 'inside'
        return jidInSuccess(element, this.domain)
      }
    } else if (this.#stage === 'welcome') this.#stage = 'spent'
    else if (this.#requests.size > 0) {
      const answer = bindAnswer(element, this.domain)
      if (answer !== undefined && this.#requests.delete(answer.id)) return answer.jid
    }
    return undefined
  }
}

/**
 * Whether a server sends this to its users only. It shows that a client is logged in also where its JID is told in no
 * way that is known here: one that has resumed its stream (XEP-0198), or logged in as before SASL (XEP-0078).
 */
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
  return name === 'resumed' && namespace.startsWith('urn:xmpp:sm:')
}

/** The code of a login that the server refuses with this element (RFC 6120 §6.5); undefined where it does not. */
export function refusedLogin({ name, namespace, text }: Element): ProblemCode | undefined {
  if (name !== 'failure' || (namespace !== saslNamespace && namespace !== sasl2Namespace)) return undefined
  // SASL2 has the conditions of SASL (XEP-0388 §2.6.2).
  const isRefused = childrenOf(text).some(child => child.name === 'not-authorized')
  return isRefused ? 'not-authorized' : 'login-failed'
}
