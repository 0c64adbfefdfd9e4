import { prepareDomain } from '../../xmpp/jid/domains.js'
import { bindNamespace, sasl2Namespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf, readElement, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** A full JID: the bare one in it, and its domain. */
const fullJid = /^([^@/]+@([^@/]+))\/./s
const bareJid = /^[^@/]+@([^@/]+)$/

/** Longest request to bind, and its longest id, in UTF-16 units: a resource has 1023 bytes at most. */
const longestRequest = 10_000
const longestId = 1024

/**
 * The id of a request to bind a resource (RFC 6120 §7.6); `unclear` if its answer might not be recognized. Servers also accept a
 * request that is addressed to the account, or has further elements.
 */
export function bindRequest(
  { name, namespace, text }: Element,
  domain: string,
): { readonly id: string } | 'unclear' | undefined {
  if (name !== 'iq' || namespace !== 'jabber:client') return undefined
  const { root, children } = readElement(text)
  if (root.attribute('type') !== 'set' || !children.some(isBind)) return undefined
  const [id, to] = [root.attribute('id'), root.attribute('to')]
  const isForServer = to === undefined || prepareDomain(to) === domain
  if (!isForServer || id === undefined || id.length > longestId) return 'unclear'
  return text.length > longestRequest ? 'unclear' : { id: copyOf(id) }
}

/**
 * The answer to a request to bind, with the full JID if it tells one, from the server of `domain` itself or in the name
 * of that JID's user. Undefined for all else, above all what other users and sessions send.
 */
export function bindAnswer({ name, namespace, text }: Element, domain: string) {
  if (name !== 'iq' || namespace !== 'jabber:client') return undefined
  const { root, children } = readElement(text)
  const [id, type, from] = [root.attribute('id'), root.attribute('type'), root.attribute('from')]
  if (id === undefined || (type !== 'result' && type !== 'error')) return undefined
  const [bind] = children
  const tells = type === 'result' && children.length === 1 && isBind(bind!)
  const told = tells ? usersOf(domain, jidIn(bind!, bindNamespace, 'jid')) : undefined
  const jid = told !== undefined && isFull(told) ? told : undefined
  if (from === undefined || prepareDomain(from) === domain) return { id, jid }
  return jid !== undefined && fullJid.exec(jid)![1] === from ? { id, jid } : undefined
}

/**
 * The JID that comes with the success of a login: the full one if the login binds a resource as well (XEP-0386), else the bare
 * one (XEP-0388 §2.6.1).
 */
export function jidInSuccess(success: Element, domain: string): string | undefined {
  return usersOf(domain, jidIn(success, sasl2Namespace, 'authorization-identifier'))
}

/** Whether a JID has a resource. */
export function isFull(jid: string): boolean {
  return jid.includes('/')
}

function isBind({ name, namespace }: Element): boolean {
  return name === 'bind' && namespace === bindNamespace
}

function jidIn({ text }: Element, namespace: string, name: string): string | undefined {
  const told = childrenOf(text).find(child => child.name === name && child.namespace === namespace)
  return told && textOf(told.text)
}

/** A server speaks for its own users only. */
function usersOf(domain: string, jid: string | undefined): string | undefined {
  const itsDomain = jid === undefined ? undefined : (fullJid.exec(jid)?.[2] ?? bareJid.exec(jid)?.[1])
  if (itsDomain === undefined || prepareDomain(itsDomain) !== domain) return undefined
  // It stays for as long as the session.
  return copyOf(jid!)
}
