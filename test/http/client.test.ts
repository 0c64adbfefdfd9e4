import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../src/config/networks.js'
import { cameSecurely, clientAddress, takesPasswords } from '../../src/http/client.js'

const trustedProxies = readNetworks('loopback, 10.0.0.0/8, 2001:db8:1::/48', () => undefined)
const rules = { listen: { hosts: ['127.0.0.1', '0.0.0.0'] }, assumeSecure: false, trustedProxies }

/** A request as it arrives: where the connection comes from, and what its headers say. */
function from(remoteAddress: string, headers: Record<string, string> = {}, encrypted?: true) {
  return { headers, socket: { remoteAddress, encrypted } } as unknown as IncomingMessage
}

describe('the address of a client', () => {
  test.each([
    ['is that of the connection', '198.51.100.7', undefined, '198.51.100.7'],
    ['is what a trusted proxy says', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['is nothing that a stranger says', '203.0.113.9', '198.51.100.7', '203.0.113.9'],
    [
      'is the last one before the trusted ones',
      '10.0.0.1',
      '192.0.2.66, 198.51.100.7, 10.0.0.2',
      '198.51.100.7',
    ],
    ['is that of the connection where all are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.1'],
    [
      'is that of the connection behind something unreadable',
      '10.0.0.1',
      '198.51.100.7, unknown',
      '10.0.0.1',
    ],
    ['may have a port', '10.0.0.1', '198.51.100.7:4711', '198.51.100.7'],
    ['may be an IPv6 address', '::1', '2001:db8:2::7', '2001:db8:2::7'],
    ['may be an IPv6 address in brackets', '::1', '[2001:db8:2::7]', '2001:db8:2::7'],
    ['may be an IPv6 address with a port', '::1', '[2001:db8:2::7]:4711', '2001:db8:2::7'],
    ['passes over trusted IPv6 ranges', '2001:db8:1::1', '198.51.100.7, 2001:db8:1::2', '198.51.100.7'],
    ['is read from a mapped connection', '::ffff:10.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
  ])('%s', (_what, connection, header, address) => {
    const headers = header === undefined ? {} : { 'x-forwarded-for': header }
    expect(clientAddress(from(connection, headers), rules)).toBe(address)
  })
})

describe('a request came securely', () => {
  test.each([
    ['over TLS', from('203.0.113.9', {}, true), true],
    ['in the clear', from('203.0.113.9'), false],
    ['to a trusted proxy over TLS', from('10.0.0.1', { 'x-forwarded-proto': 'https' }), true],
    ['to a trusted proxy in the clear', from('10.0.0.1', { 'x-forwarded-proto': 'http' }), false],
    ['as a stranger says', from('203.0.113.9', { 'x-forwarded-proto': 'https' }), false],
    ['as a client of the proxy says', from('10.0.0.1', { 'x-forwarded-proto': 'https, http' }), false],
  ])('%s: %s', (_what, request, secure) => {
    expect(cameSecurely(request, rules)).toBe(secure)
    expect(takesPasswords(rules)(request)).toBe(secure)
  })

  test('where the operator says that all do', () => {
    expect(cameSecurely(from('203.0.113.9'), { ...rules, assumeSecure: true })).toBe(true)
  })

  test('or, for passwords, where only this machine can come', () => {
    const local = { ...rules, listen: { hosts: ['127.0.0.1', '::1', 'localhost'] } }
    expect(takesPasswords(local)(from('127.0.0.1'))).toBe(true)
    expect(cameSecurely(from('127.0.0.1'), local)).toBe(false)
  })
})
