import type { PeerCertificate } from 'node:tls'
import { domainToASCII } from 'node:url'

/**
 * Whether a certificate is made out to an XMPP domain: a dNSName, an SRV-ID for `_xmpp-client`, or an xmppAddr.
 * A wildcard stands for the whole left-most label only; the common name is not looked at.
 * RFC 6120 §13.7.2, RFC 6125 §6.4.
 */
export function isMadeOutTo(certificate: PeerCertificate, domain: string): boolean {
  return names(certificate.subjectaltname ?? '').some(({ kind, value }) => {
    if (kind === 'DNS') return matches(value, domain)
    if (kind === 'SRVName') return value.startsWith('_xmpp-client.') && matches(value.slice(13), domain)
    if (kind === 'XmppAddr') return value.toLowerCase() === domain
    // An IPv6 address is in brackets in a JID, and in another notation in Node's text.
    if (kind === 'IP Address') return value === domain || domainToASCII(`[${value}]`) === domain
    return false
  })
}

function matches(pattern: string, domain: string): boolean {
  const name = pattern.toLowerCase()
  if (!name.startsWith('*.')) return name === domain
  const dot = domain.indexOf('.')
  return dot > 0 && domain.slice(dot) === name.slice(1)
}

/** Node's text of the subjectAltName extension: values with unusual characters come as JSON strings. */
function names(text: string): { kind: string; value: string }[] {
  const entries: { kind: string; value: string }[] = []
  for (const [, kind, quoted, bare] of text.matchAll(
    /(?:^|, )(?:othername:\s*)?([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g,
  )) {
    const value = quoted === undefined ? bare : unquote(quoted)
    if (kind !== undefined && value !== undefined) entries.push({ kind, value })
  }
  return entries
}

function unquote(text: string): string | undefined {
  try {
    return JSON.parse(text) as string
  } catch {
    return undefined
  }
}
