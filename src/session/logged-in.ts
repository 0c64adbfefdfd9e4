import { sasl2Namespace } from '../namespaces.js'
import { childrenOf } from '../xml/children.js'
import { startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'

/**
 * Whether a server sends this to its users only. It shows that a client is logged in also where its JID is told in no
 * way that is known here: one that has resumed its stream (XEP-0198), or logged in as before SASL (XEP-0078).
 */
export function isForUsers(element: Element): boolean {
  const { name, namespace, text } = element
  if (namespace === 'jabber:client') {
    // Strangers get errors: in answer to what they send without being logged in.
    return (name === 'message' || name === 'presence') && startTagOf(text).attribute('type') !== 'error'
  }
  if (namespace === sasl2Namespace) return name === 'success' && childrenOf(text).some(isResumed)
  return isResumed(element)
}

function isResumed({ name, namespace }: Element): boolean {
  return name === 'resumed' && namespace.startsWith('urn:xmpp:sm:')
}
