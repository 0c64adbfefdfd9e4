import { prepareDomain } from '../../xmpp/jid/domains.js'
import { longestJid } from '../../xmpp/jid/jid.js'
import { bindNamespace, isNamed, sasl2Namespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf, readElement, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

const fullJid = /^([^@/]+@([^@/]+))\/./s
const bareJid = /^[^@/]+@([^@/]+)$/

/** Characters: enough for a resource of 1023 bytes that are all escaped. */
const longestRequest = 10_000
const longestId = 1024

/** `unclear`: the server may accept the request, and `bindAnswer` might not recognize the answer (RFC 6120 §7.6). */
export function bindRequest(
  { name, namespace, text }: Element,
  domain: string,
): { readonly id: string } | 'unclear' | undefined {
  if (name !== 'iq' || namespace !== 'jabber:client') return undefined
  const { root, children } = readElement(text)
  if (root.attribute('type') !== 'set' || !children.some(isBind)) return undefined
  const [id, to] = [normalised(root.attribute('id')), root.attribute('to')]
  const isForServer = to === undefined || prepareDomain(to) === domain
  if (!isForServer || id === undefined || id.length > longestId) return 'unclear'
  return text.length > longestRequest ? 'unclear' : { id: copyOf(id) }
}

/** Servers replace white space in attributes by spaces (XML 1.0 §3.3.3). */
function normalised(id: string | undefined): string | undefined {
  return id?.replace(/[\t\n\r]/g, ' ')
}

/** Ignores similar elements that other users send. */
export function bindAnswer({ name, namespace, text }: Element, domain: string) {
  if (name !== 'iq' || namespace !== 'jabber:client') return undefined
  const { root, children } = readElement(text)
  const [id, type, from] = [normalised(root.attribute('id')), root.attribute('type'), root.attribute('from')]
  if (id === undefined || (type !== 'result' && type !== 'error')) return undefined
  const [bind] = children
  const hasJid = type === 'result' && children.length === 1 && isBind(bind!)
  const named = hasJid ? usersOf(domain, jidIn(bind!, bindNamespace, 'jid')) : undefined
  const jid = named !== undefined && isFullJid(named) ? named : undefined
  if (from === undefined || prepareDomain(from) === domain) return { id, jid }
  return jid !== undefined && fullJid.exec(jid)![1] === from ? { id, jid } : undefined
}

/** A full JID if the login binds a resource (XEP-0386), else a bare JID (XEP-0388 §2.6.1). */
export function jidInSuccess(success: Element, domain: string): string | undefined {
  return usersOf(domain, jidIn(success, sasl2Namespace, 'authorization-identifier'))
}

export function isFullJid(jid: string): boolean {
  return jid.includes('/')
}

const isBind = isNamed('bind', bindNamespace)

function jidIn({ text }: Element, namespace: string, name: string): string | undefined {
  const child = childrenOf(text).find(isNamed(name, namespace))
  return child && textOf(child.text)
}

/** A server may name only its own users. What it names outlives the stanza. */
function usersOf(domain: string, jid: string | undefined): string | undefined {
  if (jid !== undefined && jid.length > longestJid) return undefined
  const itsDomain = jid === undefined ? undefined : (fullJid.exec(jid)?.[2] ?? bareJid.exec(jid)?.[1])
  if (itsDomain === undefined || prepareDomain(itsDomain) !== domain) return undefined
  return copyOf(jid!)
}
