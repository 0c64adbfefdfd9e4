import type { ChannelBindingType, LinkFacts } from '../../link.js'

/** A channel's own bytes, and the way in which they were derived from it. */
export interface ChannelBinding {
  readonly type: ChannelBindingType
  readonly data: Buffer
  /** Whether the server has not said which types it knows, and this one is not what all of them know. */
  readonly guessed: boolean
}

/** What a server says before a login of how its link may be bound to it. */
export interface ChannelBindingOffer {
  readonly link: LinkFacts
  /** The types that it lists (XEP-0440); undefined where it does not list any. */
  readonly listed: readonly string[] | undefined
}

/** The best first: exporters are free of what went wrong with the others, the certificate is the same on every link. */
const types: readonly ChannelBindingType[] = ['tls-exporter', 'tls-unique', 'tls-server-end-point']

/**
 * Binds to a link, if there is a way: by a type that the server lists, otherwise by the one that its version of TLS has
 * by default (RFC 5802 §6.1, RFC 9266 §3).
 */
export function bindTo({ link, listed }: ChannelBindingOffer): ChannelBinding | undefined {
  for (const type of types) {
    if (listed === undefined ? type === 'tls-server-end-point' : !listed.includes(type)) continue
    const data = link.channelBinding?.(type)
    // Servers that know `tls-unique` alone offer mechanisms with channel binding over TLS 1.3, too.
    if (data !== undefined) return { type, data, guessed: listed === undefined && type === 'tls-exporter' }
  }
  return undefined
}
