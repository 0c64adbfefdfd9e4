import { firstMessage } from '../../session/logins/shown-user.js'
import { proofOfPage } from '../../session/ticket.js'
import { processIn } from '../../store/process-name.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { bind2Namespace, isNamed, sasl2Namespace, saslNamespace, smNamespace } from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf } from '../../xmpp/xml/document.js'
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
  const isSasl2 = name === 'authenticate' && namespace === sasl2Namespace
  if (!isSasl2 && (name !== 'auth' || namespace !== saslNamespace)) return undefined
  const base64 = firstMessage(element)
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return 'incorrect-encoding'
  const mechanism = startTagOf(text).attribute('mechanism')
  const wantsProof = mechanism === hashedToken && isSasl2
  if (mechanism !== 'PLAIN' && !wantsProof) return 'invalid-mechanism'
  const message = Buffer.from(base64, 'base64')
  const shown = wantsProof ? readHashedToken(message) : readPlain(message.toString(), domain)
  if (typeof shown === 'string') return shown
  const local = localOf(shown.user, domain)
  if (local === undefined) return 'not-authorized'
  const children = isSasl2 ? childrenOf(text) : []
  const wantsBind = children.some(isNamed('bind', bind2Namespace))
  const resume = children.find(isNamed('resume', smNamespace))?.text
  return { local, proof: shown.proof, node: shown.node, isSasl2, wantsProof, wantsBind, resume }
}

/** XEP-0484. */
export const hashedToken = 'HT-SHA-256-NONE'

/** `authzid` and `user` may be bare JIDs (RFC 4616 §2). */
function readPlain(message: string, domain: string) {
  const [authzid, user, token, ...more] = message.split('\0', 4)
  if (authzid === undefined || user === undefined || token === undefined || more.length > 0) return 'malformed-request'
  if (authzid !== '' && localOf(authzid, domain) !== localOf(user, domain)) return 'not-authorized'
  return { user, proof: proofOfPage(token), node: processIn(token) }
}

function localOf(user: string, domain: string): string | undefined {
  const jid = parseJid(user.includes('@') ? user : `${user}@${domain}`)
  return jid?.domain === domain && jid.resource === undefined ? jid.local : undefined
}

function readHashedToken(message: Buffer) {
  const end = message.indexOf(0)
  if (end === -1) return 'malformed-request'
  return { user: message.toString('utf8', 0, end), proof: message.subarray(end + 1), node: undefined }
}
