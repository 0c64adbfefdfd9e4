import { nodeIn } from '../../processes/node-name.js'
import { proofOfPage } from '../../session/ticket.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { bind2Namespace, sasl2Namespace, saslNamespace, smNamespace } from '../../xmpp/namespaces.js'
import { childrenOf, startTagOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** What a page shows to get the session that was logged in for it. */
export interface PageCredentials {
  /** The local part of the user's JID, prepared. */
  readonly local: string
  /** That the page has the token of a ticket. */
  readonly proof: Buffer
  /** The name of the process that the token is of, where it begins with one and is shown itself. */
  readonly node: string | undefined
  /** How it is told of what comes of it: as SASL of RFC 6120 is, or SASL2 (XEP-0388). */
  readonly isSasl2: boolean
  /** Whether the answer is to prove that this side knows the token, too. */
  readonly wantsProof: boolean
  /** Whether the session is to be bound with the answer (XEP-0386). */
  readonly wantsBind: boolean
  /** The `<resume/>` by which the page would go on with the stream of its last connection (XEP-0198 §9), if it came along. */
  readonly resume: string | undefined
}

/** Why credentials are none, as RFC 6120 §6.5 calls it. */
export type SaslFault = 'malformed-request' | 'invalid-mechanism' | 'incorrect-encoding' | 'not-authorized'

/** Reads `<auth/>` (RFC 6120 §6.4.2) or `<authenticate/>` (XEP-0388 §2.3); undefined for anything else. */
export function readCredentials(element: Element, domain: string): PageCredentials | SaslFault | undefined {
  const { name, namespace, text } = element
  if (name === 'auth' && namespace === saslNamespace) return read(text, text, domain, undefined)
  if (name !== 'authenticate' || namespace !== sasl2Namespace) return undefined
  const children = childrenOf(text)
  const initial = children.find(child => child.name === 'initial-response')
  return initial === undefined ? 'malformed-request' : read(text, initial.text, domain, children)
}

/** `children` are those of `<authenticate/>`. */
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
  const wantsBind =
    children?.some(({ name, namespace }) => name === 'bind' && namespace === bind2Namespace) === true
  const resume = children?.find(({ name, namespace }) => name === 'resume' && namespace === smNamespace)
  const wantsProof = mechanism === hashedToken
  return { local, proof: shown.proof, node: shown.node, isSasl2, wantsProof, wantsBind, resume: resume?.text }
}

/** The mechanism of FAST by which a page shows that it has a token, without showing it (XEP-0484). */
export const hashedToken = 'HT-SHA-256-NONE'

interface Shown {
  readonly user: string
  readonly proof: Buffer
  readonly node?: string | undefined
}

/** The user's name, or in its place or before it the bare JID; then the token as the password (RFC 4616 §2). */
function readPlain(message: string, domain: string): Shown | SaslFault {
  const [authzid, user, token, ...more] = message.split('\0', 4)
  if (authzid === undefined || user === undefined || token === undefined || more.length > 0)
    return 'malformed-request'
  if (authzid !== '' && localOf(authzid, domain) !== localOf(user, domain)) return 'not-authorized'
  return { user, proof: proofOfPage(token), node: nodeIn(token) }
}

/** The local part, prepared, of a user at a domain: by that alone, or by the bare JID. Undefined for anything else. */
function localOf(user: string, domain: string): string | undefined {
  const jid = parseJid(user.includes('@') ? user : `${user}@${domain}`)
  return jid?.domain === domain && jid.resource === undefined ? jid.local : undefined
}

/** The user's name and the hash that only who has the token can make. */
function readHashedToken(message: Buffer): Shown | SaslFault {
  const end = message.indexOf(0)
  if (end === -1) return 'malformed-request'
  return { user: message.toString('utf8', 0, end), proof: message.subarray(end + 1) }
}
