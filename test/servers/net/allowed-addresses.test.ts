import { expect, test } from '@jest/globals'
import { allowed, isPrivateAddress } from '../../../src/servers/net/allowed-addresses.js'

test.each([
  ['IPv4', '1.1.1.1 126.255.255.255 128.0.0.0 223.255.255.255'],
  ['beside a private network', '9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0'],
  ['beside another network', '100.63.255.255 100.128.0.0 169.253.255.255 198.17.255.255 198.20.0.0'],
  ['IPv6', '2606:4700:4700::1111 2a00:1450:4001:80b::200e'],
  ['IPv4 in the form of IPv6', '::ffff:1.1.1.1 ::ffff:101:101 64:ff9b::1.1.1.1 64:ff9b::101:101'],
])('a public address is accepted: %s', (_what, addresses) => {
  for (const address of addresses.split(' ')) expect([address, isPrivateAddress(address)]).toEqual([address, false])
})

test.each([
  ['unspecified', '0.0.0.0 0.1.2.3 ::'],
  ['private', '10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1'],
  ['shared', '100.64.0.1'],
  ['loopback', '127.0.0.1 127.255.255.254 ::1 0:0:0:0:0:0:0:1'],
  ['link-local, where clouds have their metadata', '169.254.169.254 fe80::1 fe80::1%eth0'],
  ['unique or site-local', 'fc00::1 fdff:ffff::1 fec0::1'],
  ['of a protocol or a relay', '192.0.0.8 192.88.99.1'],
  ['for documentation', '192.0.2.1 198.51.100.7 203.0.113.7 2001:db8::1 3fff::1'],
  ['for benchmarks or discarding', '198.19.255.255 2001:2::1 100::1'],
  ['multicast, broadcast or reserved', '224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 ff02::1'],
  ['a tunnel, or for segments', '2001::1 2002:0a00:0001::1 5f00::1'],
  ['private in the form of IPv6', '::ffff:10.0.0.1 ::ffff:a00:1 0:0:0:0:0:ffff:c0a8:0101 ::FFFF:127.0.0.1 ::10.0.0.1'],
  ['translated', '64:ff9b::10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1'],
  ['no address', 'localhost'],
  ['empty', ''],
])('an address that is %s is rejected', (_what, addresses) => {
  for (const address of addresses.split(' ')) expect([address, isPrivateAddress(address)]).toEqual([address, true])
})

test('the public addresses of this machine are not reached where only public addresses may be, in any form', () => {
  const about = { netmask: '', mac: '', internal: false, cidr: null }
  const interfaces = () => ({
    eth0: [
      { ...about, family: 'IPv4' as const, address: '45.45.45.45' },
      { ...about, family: 'IPv6' as const, address: '2a00:1450:4001::2', scopeid: 0 },
    ],
  })
  const own = ['45.45.45.45', '::ffff:45.45.45.45', '64:ff9b::2d2d:2d2d', '2a00:1450:4001::2']
  expect(allowed([...own, '45.45.45.46'], true, interfaces)).toEqual(['45.45.45.46'])
  expect(allowed(own, true, interfaces)).toMatchObject({ code: 'address-not-allowed' })
  expect(allowed(own, false, interfaces)).toBe(own)
  const sandboxed = () => {
    throw new Error('uv_interface_addresses returned Unknown system error 97')
  }
  expect(allowed(own, true, sandboxed)).toEqual(own)
})
