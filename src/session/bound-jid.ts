import { prepareDomain } from '../jid/domains.js'
import { bindNamespace, sasl2Namespace } from '../namespaces.js'
import { copyOf } from '../xml/copy-of.js'
import { childrenOf, readElement, textOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'

/** A full JID: the bare one in it, and its domain. */
const fullJid = /^([^@/]+@([^@/]+))\/./s

/** Longest `<iq/>` that is looked at for a bind, in UTF-16 units: three JIDs of any length. */
const longestBind = 10_000

/** The id of a request to bind a resource that goes to the server of `domain` itself (RFC 6120 §7.6). */
export function bindRequestId({ name, namespace, text }: Element, domain: string): string | undefined {
  if (name !== 'iq' || namespace !== 'jabber:client' || text.length > longestBind) return undefined
  const { root, children } = readElement(text)
  const to = root.attribute('to')
  // What is addressed to another may be answered by that other one.
  if (root.attribute('type') !== 'set' || (to !== undefined && prepareDomain(to) !== domain)) return undefined
  return children.some(isBind) ? root.attribute('id') : undefined
}

/**
 * The answer to a request to bind, with the full JID if it tells one, from the server of `domain` itself or in the name
 * of that JID's user. Undefined for all else, above all what other users and sessions send.
 */
export function bindAnswer({ name, namespace, text }: Element, domain: string) {
  if (name !== 'iq' || namespace !== 'jabber:client' || text.length > longestBind) return undefined
  const { root, children } = readElement(text)
  const [id, type, from] = [root.attribute('id'), root.attribute('type'), root.attribute('from')]
  if (id === undefined || (type !== 'result' && type !== 'error')) return undefined
  const [bind] = children
  const tells = type === 'result' && children.length === 1 && isBind(bind!)
  const jid = tells ? usersOf(domain, jidIn(bind!, bindNamespace, 'jid')) : undefined
  if (from === undefined || prepareDomain(from) === domain) return { id, jid }
  return jid !== undefined && fullJid.exec(jid)![1] === from ? { id, jid } : undefined
}

/** The full JID that comes with the success of a login which binds a resource as well (XEP-0388, XEP-0386). */
export function jidInSuccess(success: Element, domain: string): string | undefined {
  return usersOf(domain, jidIn(success, sasl2Namespace, 'authorization-identifier'))
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
  const itsDomain = jid === undefined ? undefined : fullJid.exec(jid)?.[2]
  if (itsDomain === undefined || prepareDomain(itsDomain) !== domain) return undefined
  // It stays for as long as the session.
  return copyOf(jid!)
}
