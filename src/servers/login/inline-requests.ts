import { type XmlElement, xml } from '@xmpp/client'
import { formatBareJid } from '../../xmpp/jid/jid.js'
import type { Link, Resumption } from '../../xmpp/link.js'
import { bind2Namespace, fastNamespace, smNamespace } from '../../xmpp/namespaces.js'
import type { FastTokens } from './fast-tokens.js'
import type { LoginRequest } from './login-request.js'
import { isRepeatable } from './relogin.js'
import { type HashedToken, tokenMechanism } from './sasl/hashed-token.js'
import type { Mechanism } from './sasl/mechanism.js'
import type { Sasl2Offer } from './stream-features.js'

export interface InlineParts {
  /** Time for which the server should keep a broken stream. Undefined: no resumption. */
  readonly linkResumeSeconds?: number | undefined
  readonly tokens?: FastTokens | undefined
}

/** XEP-0198 §3. `hasToken`: of FAST, so that the login can be repeated. */
export function enableRequest(
  request: LoginRequest,
  mechanism: Mechanism,
  hasToken: boolean,
  { linkResumeSeconds }: InlineParts,
): XmlElement {
  const resumes = linkResumeSeconds !== undefined && (hasToken || isRepeatable(request, mechanism))
  return xml('enable', { xmlns: smNamespace, ...(resumes && { resume: 'true', max: String(linkResumeSeconds) }) })
}

const software = 'warm-bindings'
/** Characters. */
const longestToken = 4000

export type InlineRequests = ReturnType<typeof inlineRequests>

/** Requests inside a SASL2 login (XEP-0388 §2.3). */
export function inlineRequests(
  request: LoginRequest,
  until: 'authenticated' | 'bound' | Resumption,
  { bindFeatures, fast }: Sasl2Offer,
  mechanism: Mechanism,
  { allowsManagement, facts }: Link,
  parts: InlineParts,
) {
  const { credentials, jid } = request
  const elements: XmlElement[] = []
  if (credentials.kind === 'fast')
    elements.push(userAgent(credentials.token.agent), xml('fast', { xmlns: fastNamespace }))
  if (typeof until === 'object') elements.push(xml('resume', { xmlns: smNamespace, ...until }))
  const mayResume = until === 'bound' && allowsManagement && parts.linkResumeSeconds !== undefined
  const isOwnPassword = credentials.kind === 'password' && credentials.user === undefined
  const name = mayResume && isOwnPassword ? tokenMechanism(fast, facts) : undefined
  const isNeeded = name !== undefined && parts.tokens?.areNeeded(jid.domain, mechanism.name) === true
  const agent = isNeeded ? parts.tokens?.agentOf(formatBareJid(jid)) : undefined
  if (agent !== undefined)
    elements.push(userAgent(agent.id), xml('request-token', { xmlns: fastNamespace, mechanism: name! }))
  // With Bind 2 the server chooses the resource.
  const asksToBind = until === 'bound' && bindFeatures !== undefined && jid.resource === undefined
  if (asksToBind) {
    // With a tag and a user agent, Prosody would give all sessions of the user the same resource.
    const tag = agent === undefined && xml('tag', {}, software)
    const enables = allowsManagement && bindFeatures.includes(smNamespace)
    const enable = enables && enableRequest(request, mechanism, agent !== undefined, parts)
    elements.push(xml('bind', { xmlns: bind2Namespace }, tag, enable))
  }
  let token: HashedToken | undefined

  return {
    elements,
    asksToBind,
    get token() {
      return token
    },

    /** `issued`: the token in `<success/>`. A longer token is not kept. */
    succeeded(issued = ''): void {
      const secret = issued.length <= longestToken && Buffer.from(issued).toString('base64')
      if (credentials.kind === 'fast' && secret) credentials.token.secret = secret
      if (!secret) agent?.giveBack()
      else if (agent !== undefined)
        token = { mechanism: name!, user: jid.local, agent: agent.id, secret, giveBack: agent.giveBack }
    },

    failed: () => agent?.giveBack(),
  }
}

function userAgent(id: string): XmlElement {
  return xml('user-agent', { id }, xml('software', {}, software))
}
