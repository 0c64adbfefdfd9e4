import { prepareDomain } from '../config/domains.js'
import { bindNamespace } from '../namespaces.js'
import { childrenOf, textOf } from '../xml/children.js'
import { copyOf } from '../xml/copy-of.js'
import { readElement } from '../xml/document.js'
import type { Element } from '../xml/scanner.js'

const sasl2Namespace = 'urn:xmpp:sasl:2'

/** A full JID: the bare one in it, and its domain. */
const fullJid = /^([^@/]+@([^@/]+))\/./s

/**
 * The full JID that the server of `domain` tells a client that has none yet: in the result of its bind (RFC 6120 §7.6)
 * or already with the success of its login (XEP-0388, XEP-0386). Undefined where the element says nothing of it.
 *
 * Other users cannot make one up: nothing of theirs is delivered to a client that has no JID. Where a client got its
 * JID in a way that is not known here, what comes from others says so, since servers put the sender on every stanza.
 */
export function boundJid({ name, namespace, text }: Element, domain: string): string | undefined {
  const isSuccess = name === 'success' && namespace === sasl2Namespace
  const isResult = name === 'iq' && namespace === 'jabber:client' && text.includes(bindNamespace)
  const told = isSuccess ? inSuccess(text) : isResult ? inResult(text) : undefined
  const [, bare, itsDomain] = fullJid.exec(told?.jid ?? '') ?? []
  // A server speaks for its own users only.
  if (told === undefined || itsDomain === undefined || prepareDomain(itsDomain) !== domain) return undefined
  if (told.from !== undefined && told.from !== itsDomain && told.from !== bare) return undefined
  // It stays for as long as the session.
  return copyOf(told.jid)
}

interface Told {
  readonly jid: string
  /** Who says so; undefined for the server itself. */
  readonly from?: string | undefined
}

function inSuccess(text: string): Told | undefined {
  const identifier = childrenOf(text).find(({ name }) => name === 'authorization-identifier')
  return identifier && { jid: textOf(identifier.text) }
}

function inResult(text: string): Told | undefined {
  const { root, children } = readElement(text)
  const bind = children.find(({ name, namespace }) => name === 'bind' && namespace === bindNamespace)
  if (bind === undefined || root.attribute('type') !== 'result') return undefined
  const jid = childrenOf(bind.text).find(({ name }) => name === 'jid')
  return jid && { jid: textOf(jid.text), from: root.attribute('from') }
}
