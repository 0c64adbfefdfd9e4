// How domains are written and compared.
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'

/** Longest domain part of a JID, in octets (RFC 7622 §3.2). */
const longestDomain = 1023

/** What is written as it is compared: no A-label to judge, and no number at its end, as that of an IPv4 address has. */
const plainName = /^(?!.*xn--)(?:[a-z0-9_-]{1,63}\.)*[a-z][a-z0-9_-]{0,62}$/

const dnsName = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

const hasALabel = (domain: string) => /(?:^|\.)xn--/.test(domain)

/**
 * The one spelling under which a domain is compared: lower case, A-labels, no trailing dot; an IPv4 address or a
 * bracketed IPv6 address stays one. Undefined for what is no domain.
 */
export function prepareDomain(text: string): string | undefined {
  // Nearly every domain is, and is asked about several times in a login.
  if (text.length <= longestDomain && plainName.test(text)) return text
  if (Buffer.byteLength(text) > longestDomain) return undefined
  if (text.startsWith('[') && text.endsWith(']') && !text.includes('%')) {
    return isIPv6(text.slice(1, -1)) ? domainToASCII(text) : undefined
  }
  // domainToASCII reads a URL's host: it cuts at a slash, decodes %41 and drops tabs. A domain has none of these.
  if (!/^[\w.\-\u{80}-\u{10FFFF}]+$/u.test(text)) return undefined
  const domain = domainToASCII(text).replace(/\.$/, '')
  // Node 24 leaves an A-label as it is that stands for nothing, or for what needs none.
  if (hasALabel(domain) && hasALabel(domainToUnicode(domain))) return undefined
  // It also takes 127.1 and 0x7f.1 for 127.0.0.1, which only URL parsers do.
  if (isIPv4(domain) && !isIPv4(text.replace(/\.$/, ''))) return undefined
  return domain.length <= longestDomain && dnsName.test(domain) ? domain : undefined
}

/** A domain, or a JID's, as servers and people write it, with U-labels (RFC 7622 §3.2.1): undoes `prepareDomain`. */
export function withULabels(address: string): string {
  // Hardly any has an A-label, and this is asked several times in a login.
  if (!/xn--/i.test(address)) return address
  const slash = address.indexOf('/')
  const end = slash === -1 ? address.length : slash
  const start = address.lastIndexOf('@', end - 1) + 1
  const domain = prepareDomain(address.slice(start, end))
  const written = domain === undefined ? '' : domainToUnicode(domain)
  // One that would come to be another domain stays as it is.
  const isSame = written !== '' && prepareDomain(written) === domain
  return isSame ? address.slice(0, start) + written + address.slice(end) : address
}

/** Prepares an entry of a list of domains: a domain, `*.suffix` or `*`. Undefined for anything else. */
export function preparePattern(text: string): string | undefined {
  if (text === '*') return text
  if (!text.startsWith('*.')) return prepareDomain(text)
  const suffix = prepareDomain(text.slice(2))
  return suffix === undefined || suffix.startsWith('[') || isIP(suffix) !== 0 ? undefined : `*.${suffix}`
}

/** Whether prepared patterns allow a prepared domain: `*.example.org` any subdomain, but not `example.org` itself. */
export function allowsDomain(patterns: readonly string[], domain: string): boolean {
  return patterns.some(
    pattern =>
      pattern === '*' ||
      pattern === domain ||
      (pattern.startsWith('*.') && domain.endsWith(pattern.slice(1))),
  )
}
