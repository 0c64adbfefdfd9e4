import { expect, test } from '@jest/globals'
import { clientOf, isLoopback } from '../../src/lib/client-network.js'

test.each([
  ['127.0.0.1', true],
  ['localhost', true],
  ['::1', true],
  ['[::1]', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.evil.example', false],
])('an address of %s is reachable from this machine only: %p', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::ffff:cb00:7109', '203.0.113.9'],
  ['0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9'],
  ['64:ff9b::cb00:7109', '203.0.113.9'],
  ['2001:db8:0:1::5', '2001:db8:0:1'],
  ['2001:DB8::1:0:0:0:5', '2001:db8:0:1'],
  ['2001:db8::', '2001:db8:0:0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001::2:3:4:5:6:7', '2001:0:2:3'],
  ['2001:db8:0:0:1::', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['64:ff9b::1:cb00:7109', '64:ff9b:0:0'],
  ['::203.0.113.9', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['unknown', 'unknown'],
])('of %s, the client is %s', (address, client) => {
  expect(clientOf(address)).toBe(client)
})
