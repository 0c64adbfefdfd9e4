import { channelBindingNamespace, streamsNamespace, tlsNamespace } from '../../xmpp/namespaces.js'
import { childrenOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { type Branch, prune } from '../../xmpp/xml/prune.js'
import { showsSecret } from './mechanisms.js'
import { smFamily } from './resumable-streams.js'

/** Features that end at this service, or that it refuses: clients can do nothing with them (XEP-0206 §2, §4; XEP-0078). */
const hidden = new Set([
  tlsNamespace,
  'http://jabber.org/features/compress',
  channelBindingNamespace,
  'http://jabber.org/features/iq-auth',
])

/** Channel binding is to our TLS, not the client's (RFC 5802 §6; the names of FAST tell its kind, XEP-0484 §3). */
const channelBinding = /^\s*[A-Z0-9_-]+-(?:PLUS|ENDP|UNIQ|EXPR)\s*$/

/**
 * Stream features that a client may see; without mechanisms that show a secret if its own channel is not encrypted. Once stanzas
 * are counted, as after Bind 2 (XEP-0386), stream management is not offered again. Otherwise xmpp.js 0.14 tries to resume the
 * stream that it has, ejabberd 24 refuses, and xmpp.js considers the stream lost.
 */
export function visibleFeatures(features: Element, secure: boolean, isCounted = false): Element {
  const isHidden = ({ name, namespace, content }: Branch) =>
    hidden.has(namespace) ||
    (isCounted && name === 'sm' && namespace.startsWith(smFamily)) ||
    (name === 'mechanism' && (channelBinding.test(content) || (!secure && showsSecret(content.trim()))))
  let children = ''
  for (const child of childrenOf(prune(features.text, isHidden))) children += child.text
  return {
    name: 'features',
    namespace: streamsNamespace,
    // The prefix is declared by what carries it.
    text: `<stream:features>${children}</stream:features>`,
  }
}
