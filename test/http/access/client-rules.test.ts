import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../../src/config/kinds/networks.js'
import {
  accessBy,
  clientAddress,
  countedAddress,
  countsAsEncrypted,
  takesPasswords,
} from '../../../src/http/access/client-rules.js'
import { clientOf } from '../../../src/lib/client-network.js'

const trustedProxies = readNetworks('loopback, 10.0.0.0/8, 2001:db8:1::/48', () => undefined)
const at = (host: string, port = 8080) => ({ host, port })
const rules = { listen: { places: [at('127.0.0.1'), at('0.0.0.0')] }, assumeSecure: false, trustedProxies }

function from(remoteAddress: string, headers: Record<string, string> = {}, encrypted?: true) {
  return { headers, socket: { remoteAddress, encrypted } } as unknown as IncomingMessage
}

describe('the address of a client', () => {
  test.each([
    ['is that of the connection', '198.51.100.7', undefined, '198.51.100.7'],
    ['is what a trusted proxy says', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['is nothing that a stranger says', '203.0.113.9', '198.51.100.7', '203.0.113.9'],
    ['is the last one before the trusted ones', '10.0.0.1', '192.0.2.66, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
    ['is the last one where all are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.2'],
    ['is the one in the network of a trusted proxy', '127.0.0.1', '10.0.0.3', '10.0.0.3'],
    ['is unknown where a proxy says so', '10.0.0.1', '198.51.100.7, unknown', 'unknown'],
    ['is unknown behind something unreadable', '10.0.0.1', '192.0.2.1, _hidden, 10.0.0.2', 'unknown'],
    ['is unknown where it is quoted', '10.0.0.1', '"198.51.100.7"', 'unknown'],
    ['is unknown where it has a zone', '10.0.0.1', 'fe80::1%eth0', 'unknown'],
    ['is unknown where it has a zone in brackets', '10.0.0.1', '[fe80::1%eth0]:80', 'unknown'],
    ['is unknown where nothing is said', '10.0.0.1', '', 'unknown'],
    ['is unknown where the last entry is empty', '10.0.0.1', '198.51.100.7,', 'unknown'],
    ['is unknown where an entry before trusted ones is empty', '10.0.0.1', ', 10.0.0.2', 'unknown'],
    ['is unknown where it is far too long', '10.0.0.1', '1'.repeat(400), 'unknown'],
    ['is known whatever a stranger has written before it', '10.0.0.1', 'unknown,,"x", 192.0.2.1', '192.0.2.1'],
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

test.each([
  ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['192.0.2.66, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['unknown, 10.0.0.2', 'unknown'],
  [undefined, '10.0.0.1'],
])('limits count each client behind two proxies separately: %s', (header, address) => {
  const headers = header === undefined ? {} : { 'x-forwarded-for': header }
  expect(countedAddress(from('10.0.0.1', headers), rules)).toBe(address)
})

test('all unknown addresses are on no list, and count as one client', () => {
  const everybody = readNetworks('any', () => undefined)
  const none = readNetworks('none', () => undefined)
  const some = readNetworks('203.0.113.0/24', () => undefined)
  const addresses = ['unknown', '"10.0.0.1"', ''].map(header =>
    clientAddress(from('10.0.0.1', { 'x-forwarded-for': header }), rules),
  )
  expect(new Set(addresses.map(clientOf)).size).toBe(1)
  for (const [allow, deny] of [
    [everybody, some],
    [trustedProxies, none],
  ] as const)
    expect(accessBy({ allow, deny })!(addresses[0]!)).toBe(false)
})

test('the cost to read an address is linear in the length of its header', () => {
  const fill = (text: string) => text.repeat(Math.floor(16_000 / text.length))
  const headers = [',', ' ', '10.0.0.2,', '1', '1:', 'a:', '::', '[', '[:', '%', '::1%', '"'].map(fill)
  const started = performance.now()
  for (const header of headers)
    for (let times = 0; times < 100; times++) {
      clientAddress(from('10.0.0.1', { 'x-forwarded-for': header }), rules)
      countsAsEncrypted(from('10.0.0.1', { 'x-forwarded-proto': header }), rules)
    }
  // In milliseconds. Quadratic cost would take seconds.
  expect((performance.now() - started) / 100 / headers.length).toBeLessThan(5)
})

describe('a request counts as secure', () => {
  test.each([
    ['over TLS', from('203.0.113.9', {}, true), true],
    ['in the clear', from('203.0.113.9'), false],
    ['to a trusted proxy over TLS', from('10.0.0.1', { 'x-forwarded-proto': 'https' }), true],
    ['to a trusted proxy in the clear', from('10.0.0.1', { 'x-forwarded-proto': 'http' }), false],
    ['as a stranger says', from('203.0.113.9', { 'x-forwarded-proto': 'https' }), false],
    ['as a client of the proxy says', from('10.0.0.1', { 'x-forwarded-proto': 'https, http' }), false],
  ])('%s: %s', (_what, request, secure) => {
    expect(countsAsEncrypted(request, rules)).toBe(secure)
    expect(takesPasswords(rules)(request)).toBe(secure)
  })

  test('if the operator declares all requests secure', () => {
    expect(countsAsEncrypted(from('203.0.113.9'), { ...rules, assumeSecure: true })).toBe(true)
  })

  test('for passwords, if only this machine can connect', () => {
    const local = { ...rules, listen: { places: ['127.0.0.1', '::1', 'localhost'].map(host => at(host)) } }
    expect(takesPasswords(local)(from('127.0.0.1'))).toBe(true)
    expect(countsAsEncrypted(from('127.0.0.1'), local)).toBe(false)
  })
})

describe('passwords are accepted at a loopback address beside a public address', () => {
  const places = [at('127.0.0.1', 8080), at('192.0.2.1', 8080), at('::', 8081)]
  const takes = takesPasswords({ ...rules, listen: { places } })
  /** An unencrypted request to this address of the service. */
  const to = (localAddress: string, localPort: number, headers: Record<string, string> = {}) =>
    ({
      headers,
      socket: { remoteAddress: '127.0.0.1', localAddress, localPort },
    }) as unknown as IncomingMessage

  test.each([
    ['that it came to', to('127.0.0.1', 8080), true],
    ['that is written as an IPv6 one', to('::ffff:127.0.0.1', 8080), true],
    ['but not at the other', to('192.0.2.1', 8080), false],
    ['but not where every address is listened at', to('::1', 8081), false],
    [
      'but not from a client that a proxy speaks for',
      to('127.0.0.1', 8080, { 'x-forwarded-for': '203.0.113.9' }),
      false,
    ],
    ['but not through a proxy at all', to('127.0.0.1', 8080, { via: '1.1 proxy' }), false],
    ['but not for another address', to('127.0.0.1', 8080, { 'x-real-ip': '203.0.113.9' }), false],
    ['but not for another host', to('127.0.0.1', 8080, { 'x-forwarded-host': 'a.example' }), false],
    ['through a proxy that was asked over TLS', to('127.0.0.1', 8080, { 'x-forwarded-proto': 'https' }), true],
    ['through a proxy that was asked over none', to('127.0.0.1', 8080, { 'x-forwarded-proto': 'http' }), false],
  ])('%s', (_what, request, isTaken) => {
    expect(takes(request)).toBe(isTaken)
  })

  test('a port that the system has chosen is not the public port', () => {
    const chosen = { ...rules, listen: { places: [at('127.0.0.1', 0), at('0.0.0.0', 0)] } }
    expect(takesPasswords(chosen)(to('127.0.0.1', 4711))).toBe(false)
  })
})
