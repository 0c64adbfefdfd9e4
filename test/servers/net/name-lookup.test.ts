import type { RecordWithTtl, SrvRecord } from 'node:dns'
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Dns } from '../../../src/servers/net/dns.js'
import { type Addresses, createNameLookup, type Route } from '../../../src/servers/net/name-lookup.js'
import type { Failure } from '../../../src/xmpp/link.js'
import { FakeClock } from '../../support/fake-clock.js'

type Said<T> = T[] | string | Promise<T[]>

/** A string is an error code. */
class FakeDns implements Dns {
  readonly asked: string[] = []
  readonly zone: Record<string, Said<unknown>> = {}

  services = (name: string) => this.#say<SrvRecord>(`SRV ${name}`)
  ipv4 = (name: string) => this.#say<RecordWithTtl>(`A ${name}`)
  ipv6 = (name: string) => this.#say<RecordWithTtl>(`AAAA ${name}`)
  system = (name: string) => this.#say<string>(`hosts ${name}`)

  /** Each record is `priority weight port target`. */
  serve(name: string, ...records: string[]): void {
    this.zone[`SRV ${name}`] = records.map(record => {
      const [priority, weight, port, target = ''] = record.split(' ')
      return { priority: Number(priority), weight: Number(weight), port: Number(port), name: target }
    })
  }

  async #say<T>(question: string): Promise<T[]> {
    this.asked.push(question)
    const said = (this.zone[question] ?? 'ENOTFOUND') as Said<T>
    if (typeof said === 'string') throw Object.assign(new Error(`query ${said}`), { code: said })
    return said
  }
}

let clock: FakeClock
let dns: FakeDns

beforeEach(() => {
  clock = new FakeClock()
  dns = new FakeDns()
})

const names = (about: { local?: boolean } = {}) => createNameLookup({ clock, dns, local: true, ...about })

const ttl = (seconds: number, ...addresses: string[]) => addresses.map(address => ({ address, ttl: seconds }))
function shown({ targets, failure }: Route): string[] {
  const hows = { starttls: 'xmpp', direct: 'xmpps', none: 'plain' } as const
  return [
    ...targets.map(({ host, port, tls }) => `${hows[tls]} ${host} ${port}`),
    ...(failure === undefined ? [] : [`${failure.step} ${failure.code}`]),
  ]
}
const route = async (domain: string, about = {}) => shown(await names(about).routeTo(domain))
const outcome = (found: Addresses | Failure) => ('code' in found ? `${found.step} ${found.code}` : found.join(' '))
const found = { usesDns: true }
const inDns = { ...found, host: 'a.example' }

describe('the server of a domain', () => {
  const xmpp = '_xmpp-client._tcp.example.org'
  const xmpps = '_xmpps-client._tcp.example.org'

  test('is named by its SRV records, including those for direct TLS', async () => {
    dns.serve(xmpp, '10 0 5222 a.example', '30 0 5223 c.example')
    dns.serve(xmpps, '20 0 443 b.example')
    expect(await route('example.org')).toEqual(['xmpp a.example 5222', 'xmpps b.example 443', 'xmpp c.example 5223'])
    expect(dns.asked.sort()).toEqual([`SRV ${xmpp}`, `SRV ${xmpps}`])
  })

  test.each([
    ['of one kind only', 'ENODATA'],
    ['of one kind, if the query for the other fails', 'ESERVFAIL'],
  ])('is named by SRV records %s', async (_what, code) => {
    dns.serve(xmpps, '0 0 5223 a.example')
    dns.zone[`SRV ${xmpp}`] = code
    expect(await route('example.org')).toEqual(['xmpps a.example 5223'])
  })

  test('is not reached with direct TLS if its SRV record denies the service', async () => {
    dns.serve(xmpps, '0 0 0 ')
    dns.serve(xmpp, '5 0 5222 a.example')
    expect(await route('example.org')).toEqual(['xmpp a.example 5222'])
  })

  test.each([
    ['both kinds', ['0 0 0 '], ['0 0 0 ']],
    ['STARTTLS, and there are none for direct TLS', ['0 0 0 '], []],
    ['direct TLS, and there are none for STARTTLS', [], ['0 0 0 ']],
  ])('does not exist if SRV records deny %s', async (_what, plain, direct) => {
    if (plain.length > 0) dns.serve(xmpp, ...plain)
    if (direct.length > 0) dns.serve(xmpps, ...direct)
    dns.zone['A example.org'] = ttl(60, '192.0.2.1')
    expect(await route('example.org')).toEqual(['resolve host-unknown'])
    expect(dns.asked).toHaveLength(2)
  })

  test.each([
    ...['ENOTFOUND', 'ENODATA', 'EBADNAME'].map(code => [code]),
    ['ETIMEOUT', 'resolve timeout'],
    ['ESERVFAIL', 'resolve remote-connection-failed'],
    ['ECONNREFUSED', 'resolve remote-connection-failed'],
  ])('is the domain itself if the SRV query gets %s; a failure is reported later', async (code, ...later) => {
    dns.zone[`SRV ${xmpp}`] = dns.zone[`SRV ${xmpps}`] = code!
    expect(await route('example.org')).toEqual(['xmpp example.org 5222', ...later])
  })

  test.each(['192.0.2.1', '[2001:db8::1]', 'localhost', 'xmpp.localhost'])(
    'is the domain itself without a DNS query if that is %s',
    async domain => {
      const host = domain.replace(/[[\]]/g, '')
      expect(shown(names().routeTo(domain) as Route)).toEqual([`xmpp ${host} 5222`])
      expect(dns.asked).toEqual([])
    },
  )

  test('is one of 16 records of each kind, the first by priority, with a name that DNS allows', async () => {
    const many = Array.from({ length: 1_000 }, (_, number) => `10 1 ${number + 1} many.example`)
    dns.serve(xmpp, ...many, '1 1 5222 first.example', `0 1 5222 ${'x'.repeat(256)}`)
    const targets = await route('example.org')
    expect([targets[0], targets.length]).toEqual(['xmpp first.example 5222', 16])
    const ports = targets.slice(1).map(target => Number(target.split(' ')[2]))
    expect(Math.max(...ports)).toBeLessThan(17)
  })

  test('is cached for a minute, and selected by weight each time', async () => {
    dns.serve(xmpp, '1 0 1 a.example', '1 0 2 b.example')
    const asking = names()
    const together = await Promise.all([asking.routeTo('example.org'), asking.routeTo('example.org')])
    expect(together).toHaveLength(2)
    const firsts = new Set<string>()
    for (let time = 0; time < 200; time++) firsts.add(shown(asking.routeTo('example.org') as Route)[0]!)
    expect([...firsts].sort()).toEqual(['xmpp a.example 1', 'xmpp b.example 2'])
    clock.advance(59_999)
    await asking.routeTo('example.org')
    expect(dns.asked).toHaveLength(2)
    clock.advance(1)
    await asking.routeTo('example.org')
    expect(dns.asked).toHaveLength(4)
  })

  test.each(['ENOTFOUND', 'ESERVFAIL'])('is queried again five seconds after %s', async code => {
    dns.zone[`SRV ${xmpp}`] = dns.zone[`SRV ${xmpps}`] = code
    const asking = names()
    await asking.routeTo('example.org')
    clock.advance(4_999)
    await asking.routeTo('example.org')
    expect(dns.asked).toHaveLength(2)
    clock.advance(1)
    dns.serve(xmpp, '1 0 5222 a.example')
    expect(shown(await asking.routeTo('example.org'))).toEqual(['xmpp a.example 5222'])
  })
})

describe('the addresses of a server', () => {
  test('in the settings are cached for half a minute', async () => {
    const asking = names()
    const target = { host: 'xmpp.lan' }
    dns.zone['hosts xmpp.lan'] = ['10.0.0.5']
    const together = await Promise.all([asking.addressesOf(target), asking.addressesOf(target)])
    expect(together).toEqual([['10.0.0.5'], ['10.0.0.5']])
    clock.advance(29_999)
    expect(asking.addressesOf(target)).toEqual(['10.0.0.5'])
    expect(dns.asked).toEqual(['hosts xmpp.lan'])
    clock.advance(1)
    await asking.addressesOf(target)
    expect(dns.asked).toHaveLength(2)
  })

  test('of a local name are never queried in DNS, and an address needs no lookup', async () => {
    expect(names().addressesOf({ ...found, host: '2001:db8::1' })).toEqual(['2001:db8::1'])
    dns.zone['hosts localhost'] = ['::1', '127.0.0.1']
    expect(await names().addressesOf({ ...found, host: 'localhost' })).toEqual(['::1', '127.0.0.1'])
    expect(dns.asked).toEqual(['hosts localhost'])
  })

  test('are four of each IP version at most, IPv6 first', async () => {
    dns.zone['A a.example'] = ttl(60, ...Array.from({ length: 30 }, (_, at) => `192.0.2.${at}`))
    dns.zone['AAAA a.example'] = ttl(60, '2001:db8::1')
    expect(outcome(await names().addressesOf(inDns))).toBe('2001:db8::1 192.0.2.0 192.0.2.1 192.0.2.2 192.0.2.3')
    dns.zone['hosts a.lan'] = ['10.0.0.1', '10.0.0.2', 'fd00::1']
    expect(outcome(await names().addressesOf({ host: 'a.lan' }))).toBe('fd00::1 10.0.0.1 10.0.0.2')
  })

  test('are cached for the shortest of their times to live', async () => {
    dns.zone['A a.example'] = ttl(300, '192.0.2.1')
    dns.zone['AAAA a.example'] = ttl(20, '2001:db8::1')
    const asking = names()
    await asking.addressesOf(inDns)
    clock.advance(19_999)
    expect(asking.addressesOf(inDns)).toEqual(['2001:db8::1', '192.0.2.1'])
    clock.advance(1)
    dns.zone['A a.example'] = ttl(100_000, '192.0.2.2')
    dns.zone['AAAA a.example'] = 'ENODATA'
    expect(await asking.addressesOf(inDns)).toEqual(['192.0.2.2'])
    // At most an hour, even with a longer TTL.
    clock.advance(3_599_999)
    expect(asking.addressesOf(inDns)).toEqual(['192.0.2.2'])
    clock.advance(1)
    expect(asking.addressesOf(inDns)).toBeInstanceOf(Promise)
  })

  test('that are not in DNS may be in the hosts file', async () => {
    dns.zone['hosts a.example'] = ['10.0.0.1']
    const asking = names()
    expect(await asking.addressesOf(inDns)).toEqual(['10.0.0.1'])
    clock.advance(29_999)
    expect(asking.addressesOf(inDns)).toEqual(['10.0.0.1'])
  })

  test('of a domain whose query for SRV records failed come from the machine’s resolver', async () => {
    dns.zone['SRV _xmpp-client._tcp.example.org'] = 'ETIMEOUT'
    dns.zone['hosts example.org'] = ['10.0.0.1']
    const asking = names()
    const { targets } = await asking.routeTo('example.org')
    expect(await asking.addressesOf(targets[0]!)).toEqual(['10.0.0.1'])
    expect(dns.asked).not.toContain('A example.org')
  })

  test('do not come from the machine’s resolver if clients choose the names', async () => {
    dns.zone['hosts a.example'] = ['10.0.0.1']
    const asking = names({ local: false })
    expect(outcome(await asking.addressesOf(inDns))).toBe('resolve host-unknown')
    dns.zone['SRV _xmpp-client._tcp.example.org'] = 'ETIMEOUT'
    dns.zone['A example.org'] = ttl(60, '192.0.2.1')
    const { targets } = await asking.routeTo('example.org')
    expect(await asking.addressesOf(targets[0]!)).toEqual(['192.0.2.1'])
    const own = await asking.routeTo('any.name.localhost')
    expect(asking.addressesOf(own.targets[0]!)).toEqual(['::1', '127.0.0.1'])
    expect(dns.asked.filter(question => question.startsWith('hosts'))).toEqual([])
  })

  test.each([
    ['does not exist', 'ENOTFOUND', 'ENOTFOUND', 'host-unknown'],
    ['has none', 'ENODATA', 'ENODATA', 'host-unknown'],
    ['cannot be resolved', 'ESERVFAIL', 'ENODATA', 'remote-connection-failed'],
    ['cannot be resolved', 'ENODATA', 'EREFUSED', 'remote-connection-failed'],
    ['gets no answer', 'ETIMEOUT', 'ETIMEOUT', 'timeout'],
  ])('of a name that %s (%s, %s) are missing for five seconds', async (_what, four, six, code) => {
    dns.zone['A a.example'] = four
    dns.zone['AAAA a.example'] = six
    const asking = names()
    expect(outcome(await asking.addressesOf(inDns))).toBe(`resolve ${code}`)
    clock.advance(4_999)
    expect(asking.addressesOf(inDns)).toMatchObject({ code })
    clock.advance(1)
    expect(asking.addressesOf(inDns)).toBeInstanceOf(Promise)
  })

  test.each([
    ['ENOTFOUND', 'host-unknown'],
    ['EAI_AGAIN', 'remote-connection-failed'],
  ])('of a name for which the machine’s resolver returns %s are missing', async (code, problem) => {
    dns.zone['hosts xmpp.lan'] = code
    const addresses = await names().addressesOf({ host: 'xmpp.lan' })
    expect(addresses).toMatchObject({ step: 'resolve', code: problem, cause: { code } })
  })
})
