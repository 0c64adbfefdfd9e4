import type { PeerCertificate } from 'node:tls'
import { domainToASCII } from 'node:url'
import { attempt } from '../../lib/attempt.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'

/** Ignores the common name (RFC 6120 §13.7.2, RFC 6125 §6.4). */
export function isMadeOutTo(certificate: PeerCertificate, domain: string): boolean {
  return namesOf(certificate.subjectaltname ?? '').some(({ kind, value }) => {
    if (kind === 'DNS') return matches(value, domain)
    if (kind === 'SRVName') return value.startsWith('_xmpp-client.') && matches(value.slice(13), domain)
    if (kind === 'XmppAddr') return prepareDomain(value) === domain
    // Node writes IPv6 addresses in full, and JIDs write them in short form.
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

/** The first group (`kind`) cannot begin with a space, which avoids slow backtracking. */
const nameAt = /(?:othername: ?)?([A-Za-z0-9][A-Za-z0-9 ]*):("(?:[^"\\]|\\.)*"?|[^,]*)(, )?/sy

/** Reads Node's `subjectaltname`, in which unusual values are JSON strings. */
export function namesOf(text: string): readonly { readonly kind: string; readonly value: string }[] {
  const names = []
  nameAt.lastIndex = 0
  for (;;) {
    const [, kind, written = '', separator] = nameAt.exec(text) ?? []
    if (kind === undefined) return names
    const value = written.startsWith('"') ? attempt(() => JSON.parse(written) as string) : written
    if (value !== undefined) names.push({ kind, value })
    if (separator === undefined) return names
  }
}
