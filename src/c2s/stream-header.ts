import { withULabels } from '../jid/domains.js'
import { streamsNamespace } from '../namespaces.js'
import { escapeXml } from '../xml/escape.js'
import type { Root } from '../xml/root.js'

/** What a client asks for when it opens a stream (RFC 6120 §4.7). */
export interface StreamOptions {
  readonly to: string
  readonly lang: string
  /** Only sent over an encrypted link, and never trusted as an identity. */
  readonly from?: string | undefined
}

/** What the server said when it opened its side. */
export interface StreamHeader {
  readonly id: string | undefined
  readonly from: string | undefined
}

export const streamFooter = '</stream:stream>'

/** Writes the initial stream header (RFC 6120 §4.7, §4.8); servers know their domains by U-labels (RFC 7622 §3.2). */
export function writeHeader({ to, lang, from }: StreamOptions, encrypted: boolean): string {
  const sender = from === undefined || !encrypted ? '' : ` from='${escapeXml(withULabels(from))}'`
  return (
    `<?xml version='1.0'?><stream:stream to='${escapeXml(withULabels(to))}'${sender} version='1.0' xml:lang='${escapeXml(lang)}'` +
    ` xmlns='jabber:client' xmlns:stream='${streamsNamespace}'>`
  )
}

/** Reads the response stream header, or says with which stream error it is to be refused (RFC 6120 §4.9.3). */
export function readHeader(root: Root): StreamHeader | 'invalid-namespace' | 'unsupported-version' {
  if (root.name !== 'stream' || root.namespace !== streamsNamespace) return 'invalid-namespace'
  const version = root.attribute('version') ?? ''
  if (!/^1\.\d{1,5}$/.test(version)) return 'unsupported-version'
  return { id: root.attribute('id'), from: root.attribute('from') }
}
