import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { FakeClock } from '../../support/fake-clock.js'
import { noLoginLimits } from '../../support/unlimited.js'

function bench() {
  const lines: Record<string, unknown>[] = []
  const clock = new FakeClock()
  const sums = new MinuteSums(clock)
  const audit = pino({ base: null, timestamp: false }, { write: line => void lines.push(JSON.parse(line)) })
  const logins = noLoginLimits({ audit, sums })
  const refuse = (user?: string, address = '192.0.2.1', server = '192.0.2.9:5222') =>
    logins.refused({ address, domain: 'chat.example', user, server })
  return { sums, clock, lines, refuse }
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

  test('have one log line a minute, and a line at once after a quiet minute', () => {
    const { clock, lines, refuse } = bench()
    for (let second = 0; second < 300; second++) {
      refuse('alice')
      clock.advance(1_000)
    }
    clock.advance(180_000)
    expect(lines.map(({ refused }) => refused)).toEqual([1, 59, 60, 60, 60, 60])
    expect(clock.pending).toBe(0)
    refuse('alice')
    expect(lines).toHaveLength(7)
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

test('counts without a line are logged at the end, or if there are too many addresses', () => {
  const { sums, clock, lines, refuse } = bench()
  const address = (number: number) => `10.0.${number >> 8}.${number & 255}`
  for (let number = 0; number < 10_050; number++) {
    refuse('alice', address(number))
    if (number < 50) refuse('alice', address(number))
  }
  expect(lines).toHaveLength(10_100)
  expect(clock.pending).toBe(1)
  refuse('bob', address(10_049))
  sums.close()
  expect(lines.slice(10_100)).toMatchObject([{ refused: 1, jids: ['bob@chat.example'] }])
  expect(clock.pending).toBe(0)
})
