import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { FakeClock } from '../../support/fake-clock.js'
import { memoryStore } from '../../support/memory-store.js'
import { noLoginLimits } from '../../support/unlimited.js'

const alice = { address: '192.0.2.1', domain: 'chat.example' }

test('refused logins at several processes count together', async () => {
  const { rate } = memoryStore(new FakeClock())
  const all = Array.from({ length: 3 }, () =>
    noLoginLimits({ rates: { loginsPerAddress: 6 }, trustedProxies: { hasProxy: () => false }, makeRate: rate }),
  )
  const waits: number[] = []
  for (let number = 0; number < 9; number++) waits.push(await all[number % 3]!.begun(alice))
  expect(waits).toEqual([0, 0, 0, 0, 0, 0, 500, 1_000, 2_000])
  for (const each of all) await each.takenBack(alice)
  expect(await all[1]!.begun(alice)).toBe(500)
  expect(await all[1]!.begun({ ...alice, address: '192.0.2.2' })).toBe(0)
})

test('refused logins at several domains count together, for three times the limit', async () => {
  const logins = noLoginLimits({ rates: { loginsPerAddress: 4 }, trustedProxies: { hasProxy: () => false } })
  const waits: number[] = []
  for (let number = 0; number < 15; number++)
    waits.push(await logins.begun({ ...alice, domain: `d${number % 6}.example` }))
  expect(waits).toEqual([...Array(12).fill(0), 500, 1_000, 2_000])
})

test.each([
  [60, 20_000],
  [10, 5_000],
  [0, 20_000],
])('with %d s to log in, no login waits longer than %d ms', async (loginTimeout, longest) => {
  const logins = noLoginLimits({
    rates: { loginsPerAddress: 1 },
    limits: { loginTimeout },
    trustedProxies: { hasProxy: () => false },
  })
  let wait = 0
  for (let number = 0; number < 30; number++) wait = await logins.begun(alice)
  expect(wait).toBe(longest)
})

function bench() {
  const lines: Record<string, unknown>[] = []
  const clock = new FakeClock()
  const sums = new MinuteSums(clock)
  const audit = pino({ base: null, timestamp: false }, { write: line => void lines.push(JSON.parse(line)) })
  const logins = noLoginLimits({ audit, sums })
  const refuse = (user?: string, address = '192.0.2.1', server = '192.0.2.9:5222') =>
    logins.refused({ address, domain: 'chat.example' }, user, server)
  return { clock, lines, refuse }
}

describe('refused logins of one address', () => {
  test('have ten JIDs in a log line, and the number of logins with other JIDs', () => {
    const { clock, lines, refuse } = bench()
    refuse('first')
    for (let number = 0; number < 500; number++) refuse(`user${number % 20}`)
    clock.advance(60_000)
    expect(lines).toHaveLength(2)
    expect(lines[1]).toMatchObject({ refused: 500, others: 250 })
    expect(lines[1]!['jids']).toEqual(Array.from({ length: 10 }, (_, number) => `user${number}@chat.example`))
  })

  test('have five servers in a log line, each shortened', () => {
    const { clock, lines, refuse } = bench()
    refuse()
    for (let number = 0; number < 9; number++) refuse('alice', undefined, `${number}\n${'x'.repeat(300)}:5222`)
    clock.advance(60_000)
    expect(lines[0]!['servers']).toEqual(['192.0.2.9:5222'])
    expect(lines[1]!['servers']).toEqual([0, 1, 2, 3, 4].map(number => `${number}?${'x'.repeat(78)}…`))
  })

  test('name only the servers of the JIDs in the line, because admins of one domain may not see others', () => {
    const { clock, lines, refuse } = bench()
    refuse()
    for (let number = 0; number < 10; number++) refuse(`user${number}`)
    refuse('further', undefined, 'internal.other.example:5222')
    clock.advance(60_000)
    expect(lines[1]).toMatchObject({ others: 1, servers: ['192.0.2.9:5222'] })
  })

  test('are counted together for an IPv6 network', () => {
    const { lines, refuse } = bench()
    refuse('alice', '2001:db8::1')
    refuse('alice', '2001:db8::2')
    expect(lines).toHaveLength(1)
  })
})

test('a user name with the same domain is not extended, and another domain is escaped in the name', () => {
  const { clock, lines, refuse } = bench()
  refuse('alice@chat.example')
  refuse('alice@other.example')
  clock.advance(60_000)
  expect(lines).toMatchObject([
    { jids: ['alice@chat.example'] },
    { jids: [String.raw`alice\40other.example@chat.example`] },
  ])
})
