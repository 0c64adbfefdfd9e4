import { isIPv4, isIPv6 } from 'node:net'

/** Returns the /64 of an IPv6 address, because a subscriber has a whole /64 (RFC 6177 §2). */
export function clientOf(address: string): string {
  const unmapped = withoutMapping(address)
  if (!isIPv6(unmapped)) return unmapped
  const [head = '', tail] = unmapped.split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail?.split(':') ?? []
  const zeros = Math.max(0, 8 - groups.length - behind.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...behind].slice(0, 4).join(':')
}

export function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

export function isLoopback(host: string): boolean {
  const address = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '')
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}
