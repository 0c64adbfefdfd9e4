import { xml } from '@xmpp/client'
import type { XmlElement } from '@xmpp/xml'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import type { Link, Resumption } from '../../xmpp/link.js'
import { bind2Namespace, fastNamespace, smNamespace } from '../../xmpp/namespaces.js'
import type { Element } from '../../xmpp/xml/element.js'
import type { FastTokens } from './fast-tokens.js'
import type { LoginRequest } from './login-request.js'
import { isRepeatable } from './relogin.js'
import { HashedToken, tokenMechanism, type UserAgent } from './sasl/hashed-token.js'
import type { Mechanism } from './sasl/mechanism.js'
import type { Sasl2Offer } from './stream-features.js'

export interface InlineParts {
  /** Time for which the server should keep a broken stream. Undefined: no resumption. */
  readonly linkResumeSeconds?: number | undefined
  readonly tokens?: FastTokens | undefined
}

/** XEP-0198 §3. `token`: with it, the login can be repeated. */
export function enableRequest(
  request: LoginRequest,
  mechanism: Mechanism,
  token: HashedToken | undefined,
  parts: InlineParts,
): Element {
  const attributes = enableAttributes(request, mechanism, token, parts)
  const text = xml('enable', { xmlns: smNamespace, ...attributes }).toString()
  return { name: 'enable', namespace: smNamespace, text }
}

function enableAttributes(
  request: LoginRequest,
  mechanism: Mechanism,
  token: HashedToken | UserAgent | undefined,
  { linkResumeSeconds }: InlineParts,
): Record<string, string> {
  const isRepeated = token !== undefined || isRepeatable(request, mechanism)
  return linkResumeSeconds === undefined || !isRepeated ? {} : { resume: 'true', max: String(linkResumeSeconds) }
}

const software = 'warm-bindings'

/** Requests inside a SASL2 login (XEP-0388 §2.3). */
export class InlineRequests {
  readonly elements: XmlElement[] = []
  asksToBind = false
  token: HashedToken | undefined
  #agent: UserAgent | undefined
  #tokenMechanism = ''
  readonly #request: LoginRequest

  constructor(
    request: LoginRequest,
    until: 'authenticated' | 'bound' | Resumption,
    { bindFeatures, fast }: Sasl2Offer,
    mechanism: Mechanism,
    { allowsManagement, facts }: Link,
    parts: InlineParts,
  ) {
    this.#request = request
    const { credentials, jid } = request
    if (credentials.kind === 'fast')
      this.elements.push(userAgent(credentials.token.agent), xml('fast', { xmlns: fastNamespace }))
    if (typeof until === 'object') this.elements.push(xml('resume', { xmlns: smNamespace, ...until }))
    if (until !== 'bound') return
    if (allowsManagement && parts.linkResumeSeconds !== undefined)
      this.#requestToken(tokenMechanism(fast, facts), mechanism.name, parts.tokens)
    // With Bind 2 the server chooses the resource.
    if (bindFeatures === undefined || jid.resource !== undefined) return
    this.asksToBind = true
    // With a tag and a user agent, Prosody would give all sessions of the user the same resource.
    const tag = this.#agent === undefined && xml('tag', {}, software)
    const enables = allowsManagement && bindFeatures.includes(smNamespace)
    const attributes = enables && enableAttributes(request, mechanism, this.#agent, parts)
    const enable = attributes && xml('enable', { xmlns: smNamespace, ...attributes })
    this.elements.push(xml('bind', { xmlns: bind2Namespace }, tag, enable))
  }

  #requestToken(mechanism: string | undefined, name: string, tokens: FastTokens | undefined): void {
    const { credentials, jid } = this.#request
    const isOwnPassword = credentials.kind === 'password' && credentials.user === undefined
    if (mechanism === undefined || !isOwnPassword || tokens?.areNeeded(jid.domain, name) !== true) return
    this.#tokenMechanism = mechanism
    this.#agent = tokens.agentOf(formatBareJid(jid))
    this.elements.push(userAgent(this.#agent), xml('request-token', { xmlns: fastNamespace, mechanism }))
  }

  /** `secret`: the token in `<success/>`. */
  succeeded(secret: string | undefined): void {
    const { credentials, jid } = this.#request
    if (credentials.kind === 'fast' && secret !== undefined) credentials.token.replace(secret)
    if (this.#agent === undefined) return
    if (secret === undefined) this.#agent.giveBack()
    else this.token = new HashedToken(this.#tokenMechanism, jid.local, this.#agent, secret)
  }

  failed(): void {
    this.#agent?.giveBack()
  }
}

function userAgent({ id }: UserAgent): XmlElement {
  return xml('user-agent', { id }, xml('software', {}, software))
}
