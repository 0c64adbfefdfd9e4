import { createSocket, type Socket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { isAbsent, systemDns } from '../../../src/servers/net/dns.js'
import { patience } from '../../support/eventually.js'

/** Records, each as its time to live and its data, or the code of an error (RFC 1035 §4.1.1). */
type Said = readonly (readonly [ttl: number, data: Buffer])[] | number | 'silence'

/** What the name server says, by type and name. Other names do not exist. */
const zone: Readonly<Record<string, Said>> = {
  // Priority 15, weight 0, port 443.
  'SRV _xmpps-client._tcp.example.org': [[60, Buffer.from([0, 15, 0, 0, 1, 187, ...written('a.example')])]],
  'SRV _xmpp-client._tcp.nowhere.example': [[60, Buffer.alloc(7)]],
  'AAAA failing.example': 2,
  'AAAA silent.example': 'silence',
  'A a.example': [
    [100, Buffer.of(192, 0, 2, 1)],
    [20, Buffer.of(192, 0, 2, 2)],
  ],
  'AAAA a.example': [[200, Buffer.from('20010db8000000000000000000000001', 'hex')]],
  'AAAA only.example': [],
}
const types: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' }

/** RFC 1035 §3.1. */
function written(name: string): Buffer {
  const labels = name.split('.').map(label => Buffer.from([label.length, ...Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.of(0)])
}

let server: Socket
let asked: string[]
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
  asked = []
  server = createSocket('udp4').bind(0, '127.0.0.1')
  await once(server, 'listening')
  server.on('message', (query, { port }) => {
    const reply = replyTo(query)
    if (reply !== undefined) server.send(reply, port, '127.0.0.1')
  })
  address = `127.0.0.1:${server.address().port}`
  timeout = patience
})

afterEach(() => void server.close())

/** RFC 1035 §4.1. */
function replyTo(query: Buffer): Buffer | undefined {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const kind = query.subarray(at + 1, at + 5)
  const question = `${types[kind.readUInt16BE()]} ${labels.join('.').toLowerCase()}`
  asked.push(question)
  const said = zone[question] ?? 3
  if (said === 'silence') return undefined
  const [code, records] = typeof said === 'number' ? [said, []] : [0, said]
  const answers = records.map(([ttl, data]) =>
    Buffer.concat([Buffer.of(0xc0, 12), kind, Buffer.of(0, 0, 0, ttl, 0, data.length), data]),
  )
  // An authoritative answer, with the recursion that was asked for.
  const flags = Buffer.of(0x85, 0x80 | code, 0, 1, 0, records.length, 0, 0, 0, 0)
  return Buffer.concat([query.subarray(0, 2), flags, query.subarray(12, at + 5), ...answers])
}

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
    expect(await dns.ipv6('a.example')).toEqual([{ address: '2001:db8::1', ttl: 200 }])
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
    expect(asked).toEqual([])
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
    expect(asked).toEqual([])
  })

  test('rejects queries beyond its queue', async () => {
    const outcomes = Array.from({ length: 103 }, () => codeOf(dns.system('127.0.0.1')))
    expect((await Promise.all(outcomes)).filter(outcome => outcome !== 'an answer')).toEqual(['undefined'])
    expect(await dns.system('127.0.0.1')).toEqual(['127.0.0.1'])
  })
})
