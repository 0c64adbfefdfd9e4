import { type Element, isStanzaName } from './xml/element.js'

export { streamsNamespace } from './xml/element.js'

export const boshNamespace = 'http://jabber.org/protocol/httpbind'
export const xboshNamespace = 'urn:xmpp:xbosh'
/** `<open/>` and `<close/>` over WebSocket (RFC 7395 §3.3). */
export const framingNamespace = 'urn:ietf:params:xml:ns:xmpp-framing'
/** Our own: `<watch/>` of a page, and `<link state='mending'/>` or `<link state='up'/>` to it. */
export const linkNamespace = 'urn:warm-bindings:link:0'
/** Clients must not get elements of these namespaces from a server. */
export function isOfTransport(namespace: string): boolean {
  return namespace === framingNamespace || namespace === boshNamespace || namespace === linkNamespace
}

export const tlsNamespace = 'urn:ietf:params:xml:ns:xmpp-tls'
export const saslNamespace = 'urn:ietf:params:xml:ns:xmpp-sasl'
export const sasl2Namespace = 'urn:xmpp:sasl:2'
export const isOfSasl = (namespace: string): boolean => namespace === saslNamespace || namespace === sasl2Namespace
export const isLoginRequest = (name: string, namespace: string): boolean =>
  (name === 'auth' && namespace === saslNamespace) || (name === 'authenticate' && namespace === sasl2Namespace)
/** RFC 6120 §8.3.3. */
export const stanzaErrorNamespace = 'urn:ietf:params:xml:ns:xmpp-stanzas'
export const bindNamespace = 'urn:ietf:params:xml:ns:xmpp-bind'
export const bind2Namespace = 'urn:xmpp:bind:0'
export const csiNamespace = 'urn:xmpp:csi:0'
export const fastNamespace = 'urn:xmpp:fast:0'
export const smNamespace = 'urn:xmpp:sm:3'
export const pingNamespace = 'urn:xmpp:ping'
export const sessionNamespace = 'urn:ietf:params:xml:ns:xmpp-session'
export const channelBindingNamespace = 'urn:xmpp:sasl-cb:0'
/** XEP-0156 §2. */
export const xrdNamespace = 'http://docs.oasis-open.org/ns/xri/xrd-1.0'
export const boshRelation = 'urn:xmpp:alt-connections:xbosh'
export const websocketRelation = 'urn:xmpp:alt-connections:websocket'

/** Stanzas may be in the namespace of `<body/>` (XEP-0206 §2). */
export function stanzaNamespace(name: string, namespace: string): string {
  return namespace === boshNamespace && isStanzaName(name) ? 'jabber:client' : namespace
}

export const isNamed =
  (name: string, namespace: string) =>
  (element: Element): boolean =>
    element.name === name && element.namespace === namespace
