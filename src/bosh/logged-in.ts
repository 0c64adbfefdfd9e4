import type { Element } from '../xml/scanner.js'

/**
 * Whether a server sends this to its users only. A client whose JID is told in no way that is known here shows by it
 * that it is logged in: one that has resumed its stream (XEP-0198), or logged in as before SASL (XEP-0078).
 */
export function isForUsers({ name, namespace, text }: Element): boolean {
  if (namespace === 'jabber:client') return name === 'message' || name === 'presence'
  if (namespace === 'urn:xmpp:sasl:2') return name === 'success' && text.includes('<resumed')
  return name === 'resumed' && namespace.startsWith('urn:xmpp:sm:')
}
