import { channelBindingNamespace, streamsNamespace, tlsNamespace } from '../../xmpp/namespaces.js'
import { childrenOf, textOf, withoutContent } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
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
  const isHidden = ({ name, namespace, text }: Element) => {
    if (hidden.has(namespace) || (hidesManagement && name === 'sm' && isManagement({ namespace }))) return true
    if (name !== 'mechanism') return false
    const mechanism = textOf(text)
    return channelBinding.test(mechanism) || (!allowsPasswords && showsSecret(mechanism.trim()))
  }
  const children = childrenOf(features.text).filter(child => !isHidden(child))
  return {
    name: 'features',
    namespace: streamsNamespace,
    // The client's transport declares the prefix `stream`.
    text: `<stream:features>${children.map(child => pruned(child, isHidden)).join('')}</stream:features>`,
  }
}

/** From IANA and XEP-0484. Other names and spellings are treated like PLAIN. */
const withoutSecrets = /^(?:SCRAM-|HT-|GS2-|(?:DIGEST-MD5|CRAM-MD5|EXTERNAL|ANONYMOUS|GSSAPI|GSS-SPNEGO)$)/

export function showsSecret(mechanism: string): boolean {
  return !withoutSecrets.test(mechanism)
}

/** SASL2 with Bind 2 has five levels. What is deeper is removed, because each level is read again. */
const mostLevels = 8

/** Removes hidden elements at any depth. */
function pruned(element: Element, isHidden: (inner: Element) => boolean, levels = mostLevels): string {
  const all = childrenOf(element.text)
  const children = all.map(child => (levels === 0 || isHidden(child) ? '' : pruned(child, isHidden, levels - 1)))
  if (children.every((text, index) => text === all[index]!.text)) return element.text
  const tag = withoutContent(element.text)
  const [name] = /^<[^ \t\r\n/>]+/.exec(tag)!
  // `childrenOf` has added the namespace that the children inherit.
  const inherited = name.includes(':') ? '' : attribute('xmlns', element.namespace)
  const inner = children.map((text, index) => {
    const start = `<${all[index]!.name}`
    return text.startsWith(start + inherited) ? start + text.slice(start.length + inherited.length) : text
  })
  return `${tag.slice(0, -2)}>${inner.join('')}</${name.slice(1)}>`
}
