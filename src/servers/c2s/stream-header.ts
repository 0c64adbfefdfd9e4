import { withULabels } from '../../xmpp/jid/domains.js'
import type { StreamHeader } from '../../xmpp/link.js'
import { csiNamespace, streamsNamespace } from '../../xmpp/namespaces.js'
import { isSpace } from '../../xmpp/xml/characters.js'
import { childrenOf } from '../../xmpp/xml/document.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import { defaultLimits, type XmlLimits } from '../../xmpp/xml/limits.js'
import type { Root } from '../../xmpp/xml/root.js'

/** Of streams of servers. `maxElementBytes` is for elements other than stanzas. */
export const streamLimits: XmlLimits = { ...defaultLimits, maxElementBytes: 10_000 }

/** As long as the longest domain (RFC 7622 §3.2). */
export const longestValue = 1023

export const streamFooter = '</stream:stream>'

/** RFC 6120 §4.7, §4.8. Domains are sent as U-labels (RFC 7622 §3.2). */
export function writeHeader(domain: string, lang: string, from: string | undefined): string {
  const sender = from === undefined ? '' : ` from='${escapeXml(withULabels(from))}'`
  return (
    `<?xml version='1.0'?><stream:stream to='${escapeXml(withULabels(domain))}'${sender} version='1.0' xml:lang='${escapeXml(lang)}'` +
    ` xmlns='jabber:client' xmlns:stream='${streamsNamespace}'>`
  )
}

/** Returns a stream error (RFC 6120 §4.9.3) if the header is invalid. Throws an `XmlError` for too long values. */
export function readHeader(root: Root): StreamHeader | 'invalid-namespace' | 'unsupported-version' {
  if (root.name !== 'stream' || root.namespace !== streamsNamespace) return 'invalid-namespace'
  const version = root.attribute('version') ?? ''
  if (!/^1\.\d{1,5}$/.test(version)) return 'unsupported-version'
  const [id, from, lang] = ['id', 'from', 'xml:lang'].map(name => root.kept(name, longestValue))
  return { id, from, lang }
}

export function withoutSpace(bytes: Buffer): Buffer {
  let start = 0
  while (isSpace(bytes[start]!)) start += 1
  return bytes.subarray(start)
}

/** XEP-0352. Reads direct children only, because SASL2 may contain the namespace too. */
export function offersStates(features: string): boolean {
  return features.includes(csiNamespace) && childrenOf(features).some(({ namespace }) => namespace === csiNamespace)
}
