import type { ChannelBindingType, LinkFacts } from '../../../xmpp/link.js'

/** The data that binds a login to its TLS channel, and how it was derived (RFC 5056). */
export interface ChannelBinding {
  readonly type: ChannelBindingType
  readonly data: Buffer
  /** Whether the server does not list its types, and may not know this one. */
  readonly guessed: boolean
}

/** The best first: exporters have none of the weaknesses of `tls-unique`; the certificate is the same on every link. */
const types: readonly ChannelBindingType[] = ['tls-exporter', 'tls-unique', 'tls-server-end-point']

/**
 * The channel binding for a login: of a type that the server lists (XEP-0440), or of the default type of its version of
 * TLS where it lists none (RFC 5802 §6.1, RFC 9266 §3). Undefined where there is none.
 */
export function bindTo(link: LinkFacts, listed: readonly string[] | undefined): ChannelBinding | undefined {
  for (const type of types) {
    if (listed === undefined ? type === 'tls-server-end-point' : !listed.includes(type)) continue
    const data = link.channelBinding?.(type)
    // Servers that know `tls-unique` alone offer mechanisms with channel binding over TLS 1.3 as well.
    if (data !== undefined) return { type, data, guessed: listed === undefined && type === 'tls-exporter' }
  }
  return undefined
}
