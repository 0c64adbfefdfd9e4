// PROXY headers as balancers write them.
import { isIPv6 } from 'node:net'

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

export const lineFrom = (address: string, to = '192.0.2.1') =>
  Buffer.from(`PROXY TCP${isIPv6(address) ? 6 : 4} ${address} ${isIPv6(address) ? '2001:db8::1' : to} 51234 443\r\n`)

/** Version 2. `code`: version and command, `family`: family and protocol. */
export function binaryHeader(content: Buffer, { code = 0x21, family = 0x11, length = content.length } = {}): Buffer {
  const rest = Buffer.from([code, family, length >> 8, length & 255])
  return Buffer.concat([signature, rest, content])
}

/** The addresses of a connection from an IPv4 client, with a TLV of four bytes behind. */
export const binaryFrom = (address: string, tlv = Buffer.from([3, 0, 4, 1, 2, 3, 4])) =>
  binaryHeader(Buffer.concat([Buffer.from([...address.split('.').map(Number), 192, 0, 2, 1, 200, 34, 1, 187]), tlv]))

export const binaryFrom6 = (groups: readonly number[]) => {
  const content = Buffer.alloc(36)
  for (const [at, group] of groups.entries()) content.writeUInt16BE(group, 2 * at)
  return binaryHeader(content, { family: 0x21 })
}
