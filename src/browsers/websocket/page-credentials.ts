import { proofOfPage } from '../../session/ticket.js'
import { processIn } from '../../store/process-name.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { bind2Namespace, sasl2Namespace, saslNamespace, smNamespace } from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface PageCredentials {
  readonly local: string
  readonly proof: Buffer
  readonly node: string | undefined
  /** True for XEP-0388, false for RFC 6120. */
  readonly isSasl2: boolean
  readonly wantsProof: boolean
  /** XEP-0386. */
  readonly wantsBind: boolean
  /** XEP-0198 §9. */
  readonly resume: string | undefined
}

/** RFC 6120 §6.5. */
export type SaslFault = 'malformed-request' | 'invalid-mechanism' | 'incorrect-encoding' | 'not-authorized'

/** RFC 6120 §6.4.2, XEP-0388 §2.3. */
export function readCredentials(element: Element, domain: string): PageCredentials | SaslFault | undefined {
  const { name, namespace, text } = element
  if (name === 'auth' && namespace === saslNamespace) return read(text, text, domain, undefined)
  if (name !== 'authenticate' || namespace !== sasl2Namespace) return undefined
  const children = childrenOf(text)
  const initial = children.find(child => child.name === 'initial-response')
  return initial === undefined ? 'malformed-request' : read(text, initial.text, domain, children)
}

function read(
  request: string,
  response: string,
  domain: string,
  children: readonly Element[] | undefined,
): PageCredentials | SaslFault {
  const mechanism = startTagOf(request).attribute('mechanism')
  const base64 = textOf(response).trim()
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return 'incorrect-encoding'
  const message = Buffer.from(base64, 'base64')
  const isSasl2 = children !== undefined
  const shown =
    mechanism === 'PLAIN'
      ? readPlain(message.toString(), domain)
      : mechanism === hashedToken && isSasl2
        ? readHashedToken(message)
        : 'invalid-mechanism'
  if (typeof shown === 'string') return shown
  const local = localOf(shown.user, domain)
  if (local === undefined) return 'not-authorized'
  const wantsBind = children?.some(({ name, namespace }) => name === 'bind' && namespace === bind2Namespace) === true
  const resume = children?.find(({ name, namespace }) => name === 'resume' && namespace === smNamespace)
  const wantsProof = mechanism === hashedToken
  return { local, proof: shown.proof, node: shown.node, isSasl2, wantsProof, wantsBind, resume: resume?.text }
}

/** XEP-0484. */
export const hashedToken = 'HT-SHA-256-NONE'

interface Shown {
  readonly user: string
  readonly proof: Buffer
  readonly node?: string | undefined
}

/** `authzid` and `user` may be bare JIDs (RFC 4616 §2). */
function readPlain(message: string, domain: string): Shown | SaslFault {
  const [authzid, user, token, ...more] = message.split('\0', 4)
  if (authzid === undefined || user === undefined || token === undefined || more.length > 0) return 'malformed-request'
  if (authzid !== '' && localOf(authzid, domain) !== localOf(user, domain)) return 'not-authorized'
  return { user, proof: proofOfPage(token), node: processIn(token) }
}

function localOf(user: string, domain: string): string | undefined {
  const jid = parseJid(user.includes('@') ? user : `${user}@${domain}`)
  return jid?.domain === domain && jid.resource === undefined ? jid.local : undefined
}

function readHashedToken(message: Buffer): Shown | SaslFault {
  const end = message.indexOf(0)
  if (end === -1) return 'malformed-request'
  return { user: message.toString('utf8', 0, end), proof: message.subarray(end + 1) }
}
