import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { withoutBrackets } from './text/without-brackets.js'

/** RFC 6052 §2.1. */
const nat64 = '64:ff9b:0:0:0:0'

/**
 * Returns the /64 of an IPv6 address, because a subscriber has a whole /64 (RFC 6177 §2). Clients behind NAT64 count by
 * their IPv4 addresses.
 */
export function clientOf(text: string): string {
  const address = canonical(text)
  if (!isIPv6(address)) return address
  const [groups = [], behind = []] = address.split('::').map(half => (half === '' ? [] : half.split(':')))
  const all = [...groups, ...Array<string>(Math.max(0, 8 - groups.length - behind.length)).fill('0'), ...behind]
  if (all.slice(0, 6).join(':') === nat64) return canonical(`::ffff:${all.slice(6).join(':')}`)
  return all.slice(0, 4).join(':')
}

/** Undefined for a trusted proxy, whose clients are not counted. */
export function countedClientOf(
  address: string,
  trustedProxies: { hasProxy(address: string): boolean },
): string | undefined {
  return trustedProxies.hasProxy(address) ? undefined : clientOf(address)
}

/** The one spelling of an IPv6 address (RFC 5952), without a zone. Mapped IPv4 addresses are written as IPv4. */
export function canonical(address: string): string {
  if (!isIPv6(address)) return address
  const [withoutZone] = address.split('%', 1)
  return withoutMapping(new SocketAddress({ address: withoutZone, family: 'ipv6' }).address)
}

export function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

export function isLoopback(host: string): boolean {
  const address = withoutMapping(withoutBrackets(host.toLowerCase()))
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}
