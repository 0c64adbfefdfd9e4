import { isIP, isIPv4, isIPv6 } from 'node:net'
import { domainToASCII, domainToUnicode } from 'node:url'

/** In octets (RFC 7622 §3.2). */
const longestDomain = 1023

/** `prepareDomain` returns these names as they are. */
const preparedName = /^(?!.*xn--)(?:[a-z0-9_-]{1,63}\.)*[a-z][a-z0-9_-]{0,62}$/

const dnsName = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

/** Characters outside ASCII are checked by the conversion to A-labels. */
export const inDomains = /^[\w.\-\u{80}-\u{10FFFF}]+$/u

const hasALabel = (domain: string) => /(?:^|\.)xn--/.test(domain)

/** Returns lower case and A-labels, without a final dot. Also accepts IPv4, and IPv6 in brackets. */
export function prepareDomain(text: string): string | undefined {
  if (text.length <= longestDomain && preparedName.test(text)) return text
  if (Buffer.byteLength(text) > longestDomain) return undefined
  if (text.startsWith('[') && text.endsWith(']') && !text.includes('%')) {
    return isIPv6(text.slice(1, -1)) ? domainToASCII(text) : undefined
  }
  // domainToASCII expects the host of a URL: it cuts at a slash, decodes %41 and drops tabs.
  if (!inDomains.test(text)) return undefined
  const domain = domainToASCII(text).replace(/\.$/, '')
  // Node 24 accepts A-labels that `domainToUnicode` cannot decode.
  if (hasALabel(domain) && hasALabel(domainToUnicode(domain))) return undefined
  // URL parsers read 127.1 and 0x7f.1 as 127.0.0.1.
  if (isIPv4(domain) && !isIPv4(text.replace(/\.$/, ''))) return undefined
  return domain.length <= longestDomain && dnsName.test(domain) ? domain : undefined
}

/** Converts A-labels to U-labels (RFC 7622 §3.2.1), also in a JID. */
export function withULabels(address: string): string {
  if (!/xn--/i.test(address)) return address
  const slash = address.indexOf('/')
  const end = slash === -1 ? address.length : slash
  const start = address.lastIndexOf('@', end - 1) + 1
  const domain = prepareDomain(address.slice(start, end))
  const written = domain === undefined ? '' : domainToUnicode(domain)
  const isSame = written !== '' && prepareDomain(written) === domain
  return isSame ? address.slice(0, start) + written + address.slice(end) : address
}

export function preparePattern(text: string): string | undefined {
  if (text === '*') return text
  if (!text.startsWith('*.')) return prepareDomain(text)
  const suffix = prepareDomain(text.slice(2))
  return suffix === undefined || suffix.startsWith('[') || isIP(suffix) !== 0 ? undefined : `*.${suffix}`
}

/** `*.example.org` matches subdomains only. */
export function allowsDomain(patterns: readonly string[], domain: string): boolean {
  return patterns.some(
    pattern => pattern === '*' || pattern === domain || (pattern.startsWith('*.') && domain.endsWith(pattern.slice(1))),
  )
}
