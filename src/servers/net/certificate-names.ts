import type { PeerCertificate } from 'node:tls'
import { domainToASCII } from 'node:url'
import { prepareDomain } from '../../xmpp/jid/domains.js'

/**
 * Whether a certificate is made out to an XMPP domain (RFC 6120 §13.7.2, RFC 6125 §6.4): a dNSName, an SRV-ID for
 * `_xmpp-client`, or an xmppAddr. A wildcard stands for one whole label on the left; the common name does not count.
 */
export function isMadeOutTo(certificate: PeerCertificate, domain: string): boolean {
  return namesOf(certificate.subjectaltname ?? '').some(({ kind, value }) => {
    if (kind === 'DNS') return matches(value, domain)
    if (kind === 'SRVName') return value.startsWith('_xmpp-client.') && matches(value.slice(13), domain)
    if (kind === 'XmppAddr') return prepareDomain(value) === domain
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

/** A name and what parts it from the next. Its kind begins with no space, so that there is one way only to read it. */
const nameAt = /(?:othername: ?)?([A-Za-z0-9][A-Za-z0-9 ]*):("(?:[^"\\]|\\.)*"?|[^,]*)(, )?/sy

/**
 * The names in Node's text of the subjectAltName extension, one behind the other; values with unusual characters come as
 * JSON strings, kinds are such as `DNS`. What follows on something else than a name is not believed.
 */
export function namesOf(text: string): readonly { readonly kind: string; readonly value: string }[] {
  const names = []
  nameAt.lastIndex = 0
  for (;;) {
    const [, kind, written = '', separator] = nameAt.exec(text) ?? []
    if (kind === undefined) return names
    const value = written.startsWith('"') ? unquote(written) : written
    if (value !== undefined) names.push({ kind, value })
    if (separator === undefined) return names
  }
}

function unquote(text: string): string | undefined {
  try {
    return JSON.parse(text) as string
  } catch {
    return undefined
  }
}
