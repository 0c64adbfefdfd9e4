import { isIPv4, isIPv6 } from 'node:net'

/** IPv4 addresses in IPv6: mapped (RFC 4291 §2.5.5.2), and of clients behind NAT64 (RFC 6052 §2.1). */
const ofIPv4 = ['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0']

/** Returns the /64 of an IPv6 address, because a subscriber has a whole /64 (RFC 6177 §2). */
export function clientOf(address: string): string {
  const unmapped = withoutMapping(address)
  if (!isIPv6(unmapped)) return unmapped
  const groups = groupsOf(unmapped)
  const [high = 0, low = 0] = groups.slice(6)
  if (ofIPv4.includes(written(groups.slice(0, 6)))) return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  return written(groups.slice(0, 4))
}

function groupsOf(address: string): number[] {
  const [head, tail] = address.split('::').map(half => half.split(':').flatMap(read))
  const zeros = Array<number>(tail === undefined ? 0 : 8 - head!.length - tail.length).fill(0)
  return [...head!, ...zeros, ...(tail ?? [])]
}

function read(group: string): number[] {
  if (!isIPv4(group)) return group === '' ? [] : [Number.parseInt(group, 16)]
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}

const written = (groups: readonly number[]) => groups.map(group => group.toString(16)).join(':')

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
