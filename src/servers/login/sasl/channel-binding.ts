import type { ChannelBindingType, LinkFacts } from '../../../xmpp/link.js'

/** RFC 5056. */
export interface ChannelBinding {
  readonly type: ChannelBindingType
  readonly data: Buffer
  /** True if the server lists no types, and may not support this type. */
  readonly guessed: boolean
}

/** Best type first. Exporters avoid the weaknesses of `tls-unique`. `tls-server-end-point` is equal for all links. */
const types: readonly ChannelBindingType[] = ['tls-exporter', 'tls-unique', 'tls-server-end-point']

/** A type that the server lists (XEP-0440), or the TLS version's default (RFC 5802 §6.1, RFC 9266 §3). */
export function bindTo(link: LinkFacts, listed: readonly string[] | undefined): ChannelBinding | undefined {
  for (const type of types) {
    if (listed === undefined ? type === 'tls-server-end-point' : !listed.includes(type)) continue
    const data = link.channelBinding?.(type)
    // Over TLS 1.3, servers that support only `tls-unique` also offer -PLUS mechanisms.
    if (data !== undefined) return { type, data, guessed: listed === undefined && type === 'tls-exporter' }
  }
  return undefined
}
