import { describe, expect, test } from '@jest/globals'
import { isPrivateAddress } from '../../../src/servers/net/allowed-addresses.js'

describe('a public address', () => {
  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:80b::200e',
    '::ffff:1.1.1.1',
    '::ffff:101:101',
    '64:ff9b::1.1.1.1',
    '64:ff9b::101:101',
  ])('%s is accepted', address => {
    expect(isPrivateAddress(address)).toBe(false)
  })
})

describe('an address that is not public', () => {
  test.each([
    ['unspecified', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['private', '10.0.0.1'],
    ['private', '10.255.255.255'],
    ['shared', '100.64.0.1'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['link-local, where clouds have their metadata', '169.254.169.254'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['of a protocol', '192.0.0.8'],
    ['for documentation', '192.0.2.1'],
    ['of a relay', '192.88.99.1'],
    ['private', '192.168.1.1'],
    ['for benchmarks', '198.19.255.255'],
    ['for documentation', '198.51.100.7'],
    ['for documentation', '203.0.113.7'],
    ['multicast', '224.0.0.1'],
    ['multicast', '239.255.255.255'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['loopback at length', '0:0:0:0:0:0:0:1'],
    ['compatible with IPv4', '::10.0.0.1'],
    ['unique local', 'fc00::1'],
    ['unique local', 'fdff:ffff::1'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['for discarding', '100::1'],
    ['for documentation', '2001:db8::1'],
    ['for documentation', '3fff::1'],
    ['for benchmarks', '2001:2::1'],
    ['a tunnel', '2001::1'],
    ['a tunnel to a private one', '2002:0a00:0001::1'],
    ['for segments', '5f00::1'],
    ['private in the form of IPv6', '::ffff:10.0.0.1'],
    ['private in the form of IPv6', '::ffff:a00:1'],
    ['private in the form of IPv6, at length', '0:0:0:0:0:ffff:c0a8:0101'],
    ['loopback in the form of IPv6', '::FFFF:127.0.0.1'],
    ['translated to a private one', '64:ff9b::10.0.0.1'],
    ['translated to loopback', '64:ff9b::7f00:1'],
    ['for a translator of a network', '64:ff9b:1::1'],
    ['a name', 'localhost'],
    ['an empty text', ''],
  ])('that is %s, %s, is rejected', (_what, address) => {
    expect(isPrivateAddress(address)).toBe(true)
  })
})
