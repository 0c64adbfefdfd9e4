import type { ChannelBindingType, LinkFacts } from '../../link.js'

/** The data that binds a login to its TLS channel, and how it was derived (RFC 5056). */
export interface ChannelBinding {
  readonly type: ChannelBindingType
  readonly data: Buffer
  /** Whether the server does not list its types, and may not know this one. */
  readonly guessed: boolean
}

/** What there is to bind a login to. */
export interface ChannelBindingOffer {
  readonly link: LinkFacts
  /** The types that the server lists (XEP-0440); undefined where it does not list any. */
  readonly listed: readonly string[] | undefined
}

/** The best first: exporters have none of the weaknesses of `tls-unique`; the certificate is the same on every link. */
const types: readonly ChannelBindingType[] = ['tls-exporter', 'tls-unique', 'tls-server-end-point']

/**
 * The channel binding for a login: of a type that the server lists, or else of the default type of its version of TLS
 * (RFC 5802 §6.1, RFC 9266 §3). Undefined where there is none.
 */
export function bindTo({ link, listed }: ChannelBindingOffer): ChannelBinding | undefined {
  for (const type of types) {
    if (listed === undefined ? type === 'tls-server-end-point' : !listed.includes(type)) continue
    const data = link.channelBinding?.(type)
    // Servers that know `tls-unique` alone offer mechanisms with channel binding over TLS 1.3 as well.
    if (data !== undefined) return { type, data, guessed: listed === undefined && type === 'tls-exporter' }
  }
  return undefined
}
