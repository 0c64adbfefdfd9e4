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

test.each([
  ['is the address of the connection', '198.51.100.7', undefined, '198.51.100.7'],
  ['is the address that a trusted proxy sends', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['is not the address that an untrusted proxy sends', '203.0.113.9', '198.51.100.7', '203.0.113.9'],
  ['is the last address before trusted proxies', '10.0.0.1', '192.0.2.66, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['is the last address if all are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.2'],
  ['is unknown if a proxy sends `unknown`', '10.0.0.1', '198.51.100.7, unknown', 'unknown'],
  ['is unknown if an entry cannot be parsed', '10.0.0.1', '192.0.2.1, _hidden, 10.0.0.2', 'unknown'],
  ['is unknown if it is in quotes', '10.0.0.1', '"198.51.100.7"', 'unknown'],
  ['is unknown if it has a zone', '10.0.0.1', 'fe80::1%eth0', 'unknown'],
  ['is unknown if the header is empty', '10.0.0.1', '', 'unknown'],
  ['is unknown if the last entry is empty', '10.0.0.1', '198.51.100.7,', 'unknown'],
  ['is unknown if the entry before the trusted proxies is empty', '10.0.0.1', ', 10.0.0.2', 'unknown'],
  ['is unknown if it is too long', '10.0.0.1', '1'.repeat(400), 'unknown'],
  ['does not depend on earlier entries, which clients can forge', '10.0.0.1', 'unknown,,"x", 192.0.2.1', '192.0.2.1'],
  ['may have a port', '10.0.0.1', '198.51.100.7:4711', '198.51.100.7'],
  ['may be an IPv6 address in brackets', '::1', '[2001:db8:2::7]', '2001:db8:2::7'],
  ['may be an IPv6 address with a port', '::1', '[2001:db8:2::7]:4711', '2001:db8:2::7'],
  ['is parsed without the prefix of a mapped IPv4 address', '::ffff:10.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
])('the address of a client %s', (_what, connection, header, address) => {
  const headers = header === undefined ? {} : { 'x-forwarded-for': header }
  expect(clientAddress(from(connection, headers), rules)).toBe(address)
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

test('an unknown address is allowed and denied by no list, and all count as one client', () => {
  const some = readNetworks('any,!203.0.113.0/24', () => undefined)
  const addresses = ['unknown', '"10.0.0.1"', ''].map(header =>
    clientAddress(from('10.0.0.1', { 'x-forwarded-for': header }), rules),
  )
  expect(new Set(addresses.map(clientOf)).size).toBe(1)
  for (const allowed of [some, trustedProxies]) expect(accessBy(allowed)!(addresses[0]!)).toBe(false)
})

test('the client is behind at most 32 proxies', () => {
  const header = (proxies: number) => ({ 'x-forwarded-for': `203.0.113.7${', 10.0.0.9'.repeat(proxies)}` })
  const addressBehind = (proxies: number) => clientAddress(from('10.0.0.1', header(proxies)), rules)
  expect([31, 32].map(addressBehind)).toEqual(['203.0.113.7', '10.0.0.9'])
})

describe('a request counts as secure', () => {
  test.each([
    ['over TLS', from('203.0.113.9', {}, true), true],
    ['without TLS', from('203.0.113.9'), false],
    ['to a trusted proxy over TLS', from('10.0.0.1', { 'x-forwarded-proto': 'https' }), true],
    ['to a trusted proxy over TLS, by WebSocket', from('10.0.0.1', { 'x-forwarded-proto': 'wss' }), true],
    ['to a trusted proxy without TLS, by WebSocket', from('10.0.0.1', { 'x-forwarded-proto': 'ws' }), false],
    ['to a trusted proxy without TLS', from('10.0.0.1', { 'x-forwarded-proto': 'http' }), false],
    ['according to an untrusted proxy', from('203.0.113.9', { 'x-forwarded-proto': 'https' }), false],
    ['according to a client of the proxy', from('10.0.0.1', { 'x-forwarded-proto': 'https, http' }), false],
  ])('or not, %s: %s', (_what, request, secure) => {
    expect(countsAsEncrypted(request, rules)).toBe(secure)
    expect(takesPasswords(rules)(request)).toBe(secure)
  })

  test('if the operator declares all requests secure', () => {
    expect(countsAsEncrypted(from('203.0.113.9'), { ...rules, assumeSecure: true })).toBe(true)
  })

  test('if it has a password and only this machine can connect', () => {
    const local = { ...rules, listen: { places: ['127.0.0.1', '::1', 'localhost'].map(host => at(host)) } }
    expect(takesPasswords(local)(from('127.0.0.1'))).toBe(true)
    expect(countsAsEncrypted(from('127.0.0.1'), local)).toBe(false)
  })
})

describe('with a loopback and a public address, passwords without TLS are', () => {
  const places = [at('127.0.0.1', 8080), at('192.0.2.1', 8080), at('::', 8081)]
  const takes = takesPasswords({ ...rules, listen: { places } })
  /** An unencrypted request to this address of the service. */
  const to = (localAddress: string, localPort: number, headers: Record<string, string> = {}) =>
    ({ headers, socket: { remoteAddress: '127.0.0.1', localAddress, localPort } }) as unknown as IncomingMessage
  const proxied = (headers: Record<string, string>) => to('127.0.0.1', 8080, headers)

  test.each([
    ['accepted at the loopback address', to('127.0.0.1', 8080), true],
    ['accepted at the loopback address as a mapped IPv6 address', to('::ffff:127.0.0.1', 8080), true],
    ['refused at the public address', to('192.0.2.1', 8080), false],
    ['refused at loopback if the listener has all addresses', to('::1', 8081), false],
    ['refused from a proxy with X-Forwarded-For', proxied({ 'x-forwarded-for': '203.0.113.9' }), false],
    ['refused from a proxy with Via', proxied({ via: '1.1 proxy' }), false],
    ['refused from a proxy with X-Real-IP', proxied({ 'x-real-ip': '203.0.113.9' }), false],
    ['refused from a proxy with X-Forwarded-Host', proxied({ 'x-forwarded-host': 'a.example' }), false],
    ['accepted from a proxy that received them over TLS', proxied({ 'x-forwarded-proto': 'https' }), true],
    ['refused from a proxy that received them without TLS', proxied({ 'x-forwarded-proto': 'http' }), false],
  ])('%s', (_what, request, isTaken) => {
    expect(takes(request)).toBe(isTaken)
  })

  test('a port that the system has chosen does not count as the public port', () => {
    const chosen = { ...rules, listen: { places: [at('127.0.0.1', 0), at('0.0.0.0', 0)] } }
    expect(takesPasswords(chosen)(to('127.0.0.1', 4711))).toBe(false)
  })
})

const networks = (text: string) => readNetworks(text, () => undefined)

test.each([
  ['loopback, private, !10.1.0.0/16', '10.1.2.3', false],
  ['loopback, private, !10.1.0.0/16', '10.2.2.3', true],
  ['none', '127.0.0.1', false],
  ['loopback', '', false],
  // No address is checked.
  ['any', '127.0.0.1', undefined],
])('with %s allowed, %j has access: %s', (allowed, address, isLetIn) => {
  expect(accessBy(networks(allowed))?.(address)).toBe(isLetIn)
})
