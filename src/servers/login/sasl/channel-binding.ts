import type { ChannelBindingType, LinkFacts } from '../../../xmpp/link.js'

/** RFC 5056. */
export interface ChannelBinding {
  readonly type: ChannelBindingType
  readonly data: Buffer
  /** True if the server lists no types and may lack this type. */
  readonly guessed: boolean
}

/** Best first. `tls-server-end-point` is last, because its data is the same for all links. */
const types: readonly ChannelBindingType[] = ['tls-exporter', 'tls-unique', 'tls-server-end-point']

/** A type that the server lists (XEP-0440), or the default (RFC 5802 §6.1, RFC 9266 §3). */
export function bindTo(link: LinkFacts, listed: readonly string[] | undefined): ChannelBinding | undefined {
  for (const type of types) {
    if (listed === undefined ? type === 'tls-server-end-point' : !listed.includes(type)) continue
    const data = link.channelBinding?.(type)
    // Servers without `tls-exporter` can also offer -PLUS mechanisms, so `tls-exporter` is a guess.
    if (data !== undefined) return { type, data, guessed: listed === undefined && type === 'tls-exporter' }
  }
  return undefined
}
