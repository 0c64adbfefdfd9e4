import { describe, expect, test } from '@jest/globals'
import { parseProxyHeader } from '../../../src/http/listening/proxy-header.js'
import { binaryFrom, binaryFrom6, binaryHeader, lineFrom } from '../../support/proxy-headers.js'
import { Random } from '../../support/random.js'

const text = (line: string) => Buffer.from(line, 'latin1')
const request = text('GET / HTTP/1.1\r\n\r\n')

const forwarded: readonly (readonly [string, Buffer, string | undefined])[] = [
  ['IPv4 in a line', lineFrom('203.0.113.9'), '203.0.113.9'],
  ['IPv6 in a line', lineFrom('2001:DB8:0:0::9'), '2001:db8::9'],
  ['mapped IPv4 in a line', lineFrom('::ffff:203.0.113.9'), '203.0.113.9'],
  ['the longest line', text(`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`), undefined],
  ['an unknown client', text('PROXY UNKNOWN\r\n'), undefined],
  ['IPv4, with a TLV', binaryFrom('203.0.113.9'), '203.0.113.9'],
  ['IPv4, with a wrong checksum', binaryFrom('203.0.113.9', Buffer.from([3, 0, 4, 0, 0, 0, 0])), '203.0.113.9'],
  ['IPv6', binaryFrom6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 9]), '2001:db8::9'],
  ['mapped IPv4', binaryFrom6([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7109]), '203.0.113.9'],
  ['a Unix socket', binaryHeader(Buffer.alloc(216, 'a'), { family: 0x31 }), undefined],
  ['no family', binaryHeader(Buffer.from('any bytes'), { family: 0 }), undefined],
  ['4,096 bytes', binaryFrom('203.0.113.9', Buffer.alloc(4_068)), '203.0.113.9'],
]

describe('a PROXY header', () => {
  test.each(forwarded)('of %s has its address and length', (_what, header, address) => {
    const expected = { length: header.length, isForwarded: true, address }
    expect(parseProxyHeader(header)).toEqual(expected)
    expect(parseProxyHeader(Buffer.concat([header, request]))).toEqual(expected)
  })

  test('of the proxy itself (LOCAL) has no client, whatever its family', () => {
    const header = binaryHeader(Buffer.from('ignored'), { code: 0x20, family: 0xff })
    expect(parseProxyHeader(header)).toEqual({ length: header.length, isForwarded: false, address: undefined })
  })

  test.each(forwarded)('of %s is incomplete until its last byte', (_what, header) => {
    for (let length = 0; length < header.length; length++)
      expect(parseProxyHeader(header.subarray(0, length))).toBeUndefined()
  })

  test.each([
    ['HTTP', request],
    ['a TLS ClientHello', Buffer.from([22, 3, 1, 2, 0])],
    ['the start of another protocol', text('PROXX')],
    ['a line without an end', text(`PROXY UNKNOWN ${'f'.repeat(93)}`)],
    ['a line that is too long', text(`PROXY UNKNOWN ${'f'.repeat(92)}\r\n`)],
    ['lower case', text('proxy UNKNOWN\r\n')],
    ['an unknown protocol', text('PROXY UDP4 203.0.113.9 192.0.2.1 1 2\r\n')],
    ['two spaces', text('PROXY TCP4  203.0.113.9 192.0.2.1 1 2\r\n')],
    ['an address of the other family', text('PROXY TCP4 ::1 ::1 1 2\r\n')],
    ['an address with a zone', text('PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n')],
    ['a name', text('PROXY TCP4 localhost 192.0.2.1 1 2\r\n')],
    ['a missing port', text('PROXY TCP4 203.0.113.9 192.0.2.1 1\r\n')],
    ['a port above 65535', text('PROXY TCP4 203.0.113.9 192.0.2.1 1 65536\r\n')],
    ['a port with a zero in front', text('PROXY TCP4 203.0.113.9 192.0.2.1 01 2\r\n')],
    ['another version', binaryHeader(Buffer.alloc(12), { code: 0x11 })],
    ['another command', binaryHeader(Buffer.alloc(12), { code: 0x22 })],
    ['another family', binaryHeader(Buffer.alloc(216), { family: 0x41 })],
    ['another transport', binaryHeader(Buffer.alloc(12), { family: 0x13 })],
    ['fewer bytes than an address', binaryHeader(Buffer.alloc(11))],
    ['more than 4,096 bytes', binaryHeader(Buffer.alloc(0), { length: 4_081 })],
  ])('is rejected if it is %s', (_what, bytes) => {
    expect(parseProxyHeader(bytes)).toBeNull()
  })

  test('never throws for changed bytes, and is never longer than its input', () => {
    const random = new Random(32)
    for (let count = 0; count < 3_000; count++) {
      const [, header] = random.pick(forwarded)
      const bytes = Buffer.from(header)
      for (let change = 0; change < 3; change++) bytes[random.below(Math.min(bytes.length, 40))] = random.below(256)
      const read = parseProxyHeader(bytes)
      if (read != null) expect(read.length).toBeLessThanOrEqual(bytes.length)
    }
  })
})
