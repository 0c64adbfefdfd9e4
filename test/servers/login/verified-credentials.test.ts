import { expect, test } from '@jest/globals'
import { createVerifiedCredentials } from '../../../src/servers/login/verified-credentials.js'
import type { Credentials, LoginWish } from '../../../src/servers/login/wish.js'
import { FakeClock } from '../../support/fake-clock.js'

const password: Credentials = { kind: 'password', password: 'pw' }
const wish = (credentials: Credentials = password, local = 'juliet', domain = 'chat.example'): LoginWish => ({
  jid: { local, domain, resource: undefined },
  credentials,
})
const shown = wish()

test('credentials are remembered for the given time since their last use', () => {
  const clock = new FakeClock()
  const verified = createVerifiedCredentials(clock, 300)
  expect(verified.has(shown)).toBe(false)
  verified.add(shown)
  clock.advance(299_000)
  expect(verified.has(shown)).toBe(true)
  verified.add({ ...shown, jid: { ...shown.jid, resource: 'balcony' } })
  clock.advance(299_000)
  expect(verified.has(shown)).toBe(true)
  clock.advance(1_000)
  expect(verified.has(shown)).toBe(false)
})

test.each([
  ['a token', wish({ kind: 'token', token: 'pw', mechanism: 'X-TOKEN' })],
  ['another domain', wish(password, 'juliet', 'other.example')],
  ['another user', wish(password, 'romeo')],
  ['another password', wish({ kind: 'password', password: 'pW' })],
  ['the same letters cut elsewhere', wish({ kind: 'password', password: 'tpw' }, 'julie')],
  ["another user's password", wish({ kind: 'password', password: 'pw', user: 'bot' })],
])('other credentials are not known after a login: %s', (_what, other) => {
  const verified = createVerifiedCredentials(new FakeClock(), 300)
  verified.add(shown)
  expect(verified.has(other)).toBe(false)
})

test('keys of an earlier login are not known of themselves', () => {
  const bytes = Buffer.from('k')
  const keys = { hash: 'sha1', salt: bytes, iterations: 4096, clientKey: bytes, serverKey: bytes } as const
  const proof = { ...keys, user: 'juliet', authzid: '' }
  expect(createVerifiedCredentials(new FakeClock(), 300).has(wish({ kind: 'keys', proof }))).toBe(false)
})

test.each<Credentials>([
  { kind: 'service', account: { user: 'bot', password: 'pw' } },
  { kind: 'certificate' },
  { kind: 'anonymous' },
])('where the operator vouches for the user nothing has to be known: %j', credentials => {
  expect(createVerifiedCredentials(new FakeClock(), 300).has(wish(credentials))).toBe(true)
})

test('a time of 0 remembers nothing', () => {
  const verified = createVerifiedCredentials(new FakeClock(), 0)
  verified.add(shown)
  expect(verified.has(shown)).toBe(false)
})

test('the memory is bounded, and the oldest goes first', () => {
  const verified = createVerifiedCredentials(new FakeClock(), 300)
  const numbered = (number: number) => wish(password, `user${number}`)
  for (let number = 0; number < 20_001; number++) verified.add(numbered(number))
  expect([verified.has(numbered(0)), verified.has(numbered(1))]).toEqual([false, true])
  expect(verified.has(numbered(20_000))).toBe(true)
})
