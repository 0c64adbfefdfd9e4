import { withULabels } from '../../xmpp/jid/domains.js'
import type { StreamHeader } from '../../xmpp/link.js'
import { csiNamespace, streamsNamespace } from '../../xmpp/namespaces.js'
import { isSpace } from '../../xmpp/xml/characters.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf } from '../../xmpp/xml/document.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import type { Root } from '../../xmpp/xml/root.js'

/** Longest element other than a stanza. */
export const longestStep = 10_000

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

/** Returns a stream error (RFC 6120 §4.9.3) if the header is invalid. */
export function readHeader(
  root: Root,
): StreamHeader | 'invalid-namespace' | 'unsupported-version' | 'policy-violation' {
  if (root.name !== 'stream' || root.namespace !== streamsNamespace) return 'invalid-namespace'
  const version = root.attribute('version') ?? ''
  if (!/^1\.\d{1,5}$/.test(version)) return 'unsupported-version'
  const [id, from, lang] = [root.attribute('id'), root.attribute('from'), root.attribute('xml:lang')]
  if ([id, from, lang].some(value => value !== undefined && value.length > longestValue)) return 'policy-violation'
  return { id: copyOf(id), from: copyOf(from), lang: copyOf(lang) }
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
