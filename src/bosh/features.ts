import { streamsNamespace } from '../c2s/stream-header.js'
import { childrenOf } from '../xml/children.js'
import type { Element } from '../xml/scanner.js'

/** Features that end at this service: whoever is behind it can do nothing with them (XEP-0206 §2, §4). */
const hidden = new Set([
  'urn:ietf:params:xml:ns:xmpp-tls',
  'http://jabber.org/features/compress',
  'urn:xmpp:sasl-cb:0',
])

/** A mechanism with channel binding, wherever it is listed: TLS to the server is ours, not the client's (RFC 5802 §6). */
const channelBinding = /<((?:[\w.-]+:)?mechanism)(?:\s[^>]*)?>\s*[A-Z0-9-]+-PLUS\s*<\/\1\s*>/g
const plain = /<((?:[\w.-]+:)?mechanism)(?:\s[^>]*)?>\s*PLAIN\s*<\/\1\s*>/g

/** Stream features as a BOSH client may see them; without PLAIN where its own channel is not encrypted. */
export function visibleFeatures(features: Element, secure: boolean): Element {
  let children = ''
  for (const child of childrenOf(features.text)) {
    if (!hidden.has(child.namespace)) children += child.text
  }
  children = children.replace(channelBinding, '')
  if (!secure) children = children.replace(plain, '')
  return {
    name: 'features',
    namespace: streamsNamespace,
    // The prefix is declared on the <body/> that carries it.
    text: `<stream:features>${children}</stream:features>`,
  }
}
