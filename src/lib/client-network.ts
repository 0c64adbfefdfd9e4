import { isIPv4, isIPv6 } from 'node:net'

/** An IPv4 address, or the network of an IPv6 address that its owner has all the addresses of (RFC 6177 §2). */
export function clientOf(address: string): string {
  const plain = withoutMapping(address)
  if (!isIPv6(plain)) return plain
  // Both halves of `::` in full: the first four groups are the network.
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...behind].slice(0, 4).join(':')
}

/** An IPv4 address that was written as an IPv6 one, as sockets do that listen for both. */
export function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** Whether an address or name of a host means this machine only. */
export function isLoopback(host: string): boolean {
  const address = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/, '')
  return address === 'localhost' || address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}
