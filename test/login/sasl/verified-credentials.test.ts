import { expect, test } from '@jest/globals'
import { VerifiedCredentials } from '../../../src/login/sasl/verified-credentials.js'
import { FakeClock } from '../../support/fake-clock.js'

const shown = { kind: 'password', domain: 'chat.example', user: 'juliet', secret: 'pw' }

test('what logged in is known for the time that was said, counted from the last time', () => {
  const clock = new FakeClock()
  const verified = new VerifiedCredentials(clock, 300)
  expect(verified.has(shown)).toBe(false)
  verified.add(shown)
  clock.advance(299_000)
  expect(verified.has(shown)).toBe(true)
  verified.add(shown)
  clock.advance(299_000)
  expect(verified.has(shown)).toBe(true)
  clock.advance(1_000)
  expect(verified.has(shown)).toBe(false)
})

test.each([
  { kind: 'token' },
  { domain: 'other.example' },
  { user: 'romeo' },
  { secret: 'pW' },
  { user: 'julie', secret: 'tpw' },
])('and nothing else is known for it: %j', other => {
  const verified = new VerifiedCredentials(new FakeClock(), 300)
  verified.add(shown)
  expect(verified.has({ ...shown, ...other })).toBe(false)
})

test('a time of 0 remembers nothing', () => {
  const verified = new VerifiedCredentials(new FakeClock(), 0)
  verified.add(shown)
  expect(verified.has(shown)).toBe(false)
})

test('the memory is bounded, and the oldest goes first', () => {
  const verified = new VerifiedCredentials(new FakeClock(), 300)
  const numbered = (number: number) => ({ ...shown, user: `user${number}` })
  for (let number = 0; number < 20_001; number++) verified.add(numbered(number))
  expect([verified.has(numbered(0)), verified.has(numbered(1))]).toEqual([false, true])
  expect(verified.has(numbered(20_000))).toBe(true)
})
