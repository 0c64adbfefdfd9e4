import { channelBindingNamespace, streamsNamespace, tlsNamespace } from '../../xmpp/namespaces.js'
import { childrenOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { type Branch, prune } from '../../xmpp/xml/prune.js'
import { isManagement } from './resumable-streams.js'

/** Features that clients cannot use (XEP-0206 §2, §4, XEP-0078). */
const hidden = new Set([
  tlsNamespace,
  'http://jabber.org/features/compress',
  channelBindingNamespace,
  'http://jabber.org/features/iq-auth',
])

/** Clients cannot use these mechanisms, which bind to the service's TLS connection (RFC 5802 §6, XEP-0484 §3). */
const channelBinding = /^\s*[A-Z0-9_-]+-(?:PLUS|ENDP|UNIQ|EXPR)\s*$/

/** If `allowsPasswords` is false, removes PLAIN and other mechanisms that show a secret. */
export function visibleFeatures(features: Element, allowsPasswords: boolean, hidesManagement = false): Element {
  const isHidden = ({ name, namespace, content }: Branch) =>
    hidden.has(namespace) ||
    (hidesManagement && name === 'sm' && isManagement({ namespace })) ||
    (name === 'mechanism' && (channelBinding.test(content) || (!allowsPasswords && showsSecret(content.trim()))))
  let children = ''
  for (const child of childrenOf(prune(features.text, isHidden))) children += child.text
  return {
    name: 'features',
    namespace: streamsNamespace,
    // The client's transport declares the prefix `stream`.
    text: `<stream:features>${children}</stream:features>`,
  }
}

/** From IANA and XEP-0484. Other names and spellings are treated like PLAIN. */
const withoutSecrets = /^(?:SCRAM-|HT-|GS2-|(?:DIGEST-MD5|CRAM-MD5|EXTERNAL|ANONYMOUS|GSSAPI|GSS-SPNEGO)$)/

export function showsSecret(mechanism: string): boolean {
  return !withoutSecrets.test(mechanism)
}
