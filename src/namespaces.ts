// The namespaces that more than one part reads or writes.

export const boshNamespace = 'http://jabber.org/protocol/httpbind'
export const streamsNamespace = 'http://etherx.jabber.org/streams'
export const tlsNamespace = 'urn:ietf:params:xml:ns:xmpp-tls'
export const saslNamespace = 'urn:ietf:params:xml:ns:xmpp-sasl'
export const bindNamespace = 'urn:ietf:params:xml:ns:xmpp-bind'
export const sessionNamespace = 'urn:ietf:params:xml:ns:xmpp-session'
/** Where a server lists its types of channel binding (XEP-0440). */
export const channelBindingNamespace = 'urn:xmpp:sasl-cb:0'
