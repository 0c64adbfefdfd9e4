import { xml } from '@xmpp/client'
import type { XmlElement } from '@xmpp/xml'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import type { Link, Resumption } from '../../xmpp/link.js'
import { smNamespace } from '../../xmpp/namespaces.js'
import type { Tokens } from './fast-tokens.js'
import type { LoginWish } from './login-request.js'
import { isRepeatable } from './relogin.js'
import { HashedToken, tokenMechanism, type UserAgent } from './sasl/hashed-token.js'
import type { Mechanism } from './sasl/mechanism.js'
import { bindRequest, tokenRequest, tokenUse } from './sasl2.js'
import type { Sasl2Offer } from './stream-features.js'

export interface InlineParts {
  /** Longest gap of a stream that can be resumed. Undefined: no resumption. */
  readonly resumeSeconds?: number | undefined
  readonly tokens?: Tokens | undefined
}

interface Situation {
  readonly wish: LoginWish
  readonly until: 'authenticated' | 'bound' | Resumption
  readonly offer: Sasl2Offer
  readonly mechanism: Mechanism
  readonly link: Link
}

/** XEP-0388 §2.3. */
export class InlineRequests {
  readonly elements: XmlElement[] = []
  asksToBind = false
  token: HashedToken | undefined
  #agent: UserAgent | undefined
  #tokenMechanism = ''
  readonly #wish: LoginWish

  constructor({ wish, until, offer, mechanism, link }: Situation, parts: InlineParts) {
    this.#wish = wish
    const { credentials, jid } = wish
    if (credentials.kind === 'fast') this.elements.push(...tokenUse(credentials.token.agent))
    if (typeof until === 'object') this.elements.push(xml('resume', { xmlns: smNamespace, ...until }))
    if (until !== 'bound') return
    const { bindFeatures, fast } = offer
    const isResumable = link.allowsManagement && parts.resumeSeconds !== undefined
    if (isResumable) this.#requestToken(tokenMechanism(fast, link.facts), mechanism.name, parts.tokens)
    // With Bind 2 the server chooses the resource.
    if (bindFeatures === undefined || jid.resource !== undefined) return
    this.asksToBind = true
    const resumes = isResumable && (this.#agent !== undefined || isRepeatable(wish, mechanism))
    const attributes = resumes ? { resume: 'true', max: String(parts.resumeSeconds) } : {}
    const enables = link.allowsManagement && bindFeatures.includes(smNamespace)
    this.elements.push(bindRequest(enables ? attributes : undefined, this.#agent))
  }

  #requestToken(mechanism: string | undefined, name: string, tokens: Tokens | undefined): void {
    const { credentials, jid } = this.#wish
    const isOwnPassword = credentials.kind === 'password' && credentials.user === undefined
    if (mechanism === undefined || !isOwnPassword || tokens?.areNeeded(jid.domain, name) !== true) return
    this.#tokenMechanism = mechanism
    this.#agent = tokens.agentOf(formatBareJid(jid))
    this.elements.push(...tokenRequest(mechanism, this.#agent))
  }

  /** `secret`: the token in `<success/>`. */
  succeeded(secret: string | undefined): void {
    const { credentials, jid } = this.#wish
    if (credentials.kind === 'fast' && secret !== undefined) credentials.token.replace(secret)
    if (this.#agent === undefined) return
    if (secret === undefined) this.#agent.release()
    else this.token = new HashedToken(this.#tokenMechanism, jid.local, this.#agent, secret)
  }

  failed(): void {
    this.#agent?.release()
  }
}
