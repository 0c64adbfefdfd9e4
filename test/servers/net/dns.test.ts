import { Resolver } from 'node:dns/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { isAbsent, systemDns } from '../../../src/servers/net/dns.js'
import { DnsServer } from '../../support/dns-server.js'
import { patience } from '../../support/eventually.js'

let server: DnsServer
/** In the machine's configuration. */
let address: string
/** Longest time for an answer, in milliseconds. Short only for servers that are silent. */
let timeout: number

const short = 50

const dns = systemDns(() => {
  const resolver = new Resolver({ timeout, tries: 1 })
  resolver.setServers([address])
  return resolver
})

beforeEach(async () => {
  server = await DnsServer.start({
    'SRV _xmpps-client._tcp.example.org': ['60 15 0 443 a.example'],
    'SRV _xmpp-client._tcp.nowhere.example': ['60 0 0 0 .'],
    'AAAA failing.example': 'SERVFAIL',
    'AAAA silent.example': 'silence',
    'A a.example': ['100 192.0.2.1', '20 192.0.2.2'],
    'AAAA a.example': ['300 2001:db8::1'],
    'A only.example': ['60 192.0.2.9'],
  })
  address = server.address
  timeout = patience
})

afterEach(() => server.stop())

const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'an answer',
    (error: NodeJS.ErrnoException) => `${error.code}${isAbsent(error) ? ', absent' : ''}`,
  )

describe('an answer of a name server', () => {
  test('has addresses with their time to live, and SRV records with all fields', async () => {
    expect(await dns.ipv4('a.example')).toEqual([
      { address: '192.0.2.1', ttl: 100 },
      { address: '192.0.2.2', ttl: 20 },
    ])
    expect(await dns.ipv6('a.example')).toEqual([{ address: '2001:db8::1', ttl: 300 }])
    expect(await dns.services('_xmpps-client._tcp.example.org')).toMatchObject([
      { priority: 15, weight: 0, port: 443, name: 'a.example' },
    ])
    expect(await dns.services('_xmpp-client._tcp.nowhere.example')).toMatchObject([{ name: '' }])
  })

  test.each([
    ['has no such name', 'nobody.example', 'ENOTFOUND, absent'],
    ['has another kind of record', 'only.example', 'ENODATA, absent'],
    ['fails', 'failing.example', 'ESERVFAIL'],
    ['keeps silent', 'silent.example', 'ETIMEOUT'],
  ])('has its own error if the server %s', async (_what, name, code) => {
    if (code === 'ETIMEOUT') timeout = short
    expect(await codeOf(dns.ipv6(name))).toBe(code)
  })

  test('is not requested for invalid names', async () => {
    expect(await codeOf(dns.services(`${'a'.repeat(64)}.example`))).toBe('EBADNAME, absent')
    expect(server.asked).toEqual([])
  })

  test('comes from the servers that the machine has when it is asked for', async () => {
    const usual = address
    address = '127.0.0.1:1'
    expect(await codeOf(dns.ipv4('a.example'))).not.toBe('an answer')
    address = usual
    expect(await dns.ipv4('a.example')).toHaveLength(2)
  })
})

describe('the resolver of the machine', () => {
  test('resolves its own names without DNS', async () => {
    expect(await dns.system('localhost')).toContain('127.0.0.1')
    expect(server.asked).toEqual([])
  })

  test('rejects queries beyond its queue', async () => {
    const outcomes = Array.from({ length: 103 }, () => codeOf(dns.system('127.0.0.1')))
    expect((await Promise.all(outcomes)).filter(outcome => outcome !== 'an answer')).toEqual(['undefined'])
    expect(await dns.system('127.0.0.1')).toEqual(['127.0.0.1'])
  })
})
