import type { Turn } from './server.js'

export const saslNamespace = 'urn:ietf:params:xml:ns:xmpp-sasl'
export const tlsNamespace = 'urn:ietf:params:xml:ns:xmpp-tls'
export const bindNamespace = 'urn:ietf:params:xml:ns:xmpp-bind'
export const sessionNamespace = 'urn:ietf:params:xml:ns:xmpp-session'
export const streamsNamespace = 'http://etherx.jabber.org/streams'

export const streamFeatures = (inner: string) => `<stream:features>${inner}</stream:features>`

export const mechanismsOf = (names: readonly string[]) =>
  `<mechanisms xmlns='${saslNamespace}'>${names.map(name => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`

export const saslFailure = (condition: string) => `<failure xmlns='${saslNamespace}'><${condition}/></failure>`

/** The id of the request that is about to be answered. */
export function idOf({ usual }: Turn): string {
  return /\sid='([^']*)'/.exec(usual)?.[1] ?? ''
}
