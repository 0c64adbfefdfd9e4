import { pbkdf2 } from 'node:crypto'
import { inspect, promisify } from 'node:util'
import { describe, expect, jest, test } from '@jest/globals'
import { hashQueue } from '../../../../src/lib/limits/hash-queue.js'
import { createSaltedPasswords, type PasswordToSalt } from '../../../../src/servers/login/sasl/salted-passwords.js'
import { FakeClock } from '../../../support/fake-clock.js'

const wanted: PasswordToSalt = {
  domain: 'chat.example',
  user: 'juliet',
  password: 'r0m30myr0m30',
  salt: Buffer.from('4125c247e43ab1e93c6dff76', 'hex'),
  iterations: 4096,
  hash: 'sha1',
}
const waiting = new AbortController()

describe('the SCRAM keys of a password', () => {
  test('are cached for a limited time', async () => {
    const clock = new FakeClock()
    const passwords = createSaltedPasswords(clock, 600, hashQueue())
    const keys = await passwords(wanted, waiting)
    clock.advance(599_999)
    expect(await passwords({ ...wanted, salt: Buffer.from(wanted.salt) }, waiting)).toBe(keys)
    clock.advance(1)
    const again = await passwords(wanted, waiting)
    expect(again).not.toBe(keys)
    expect(again).toEqual(keys)
  })

  test.each([
    ['user', { user: 'romeo' }],
    ['password', { password: 'other' }],
    ['salt', { salt: Buffer.from('other') }],
    ['number of iterations', { iterations: 4097 }],
    ['hash', { hash: 'sha256' }],
  ] as const)('are not reused for another %s', async (_what, other) => {
    const passwords = createSaltedPasswords(new FakeClock(), 600, hashQueue())
    const keys = await passwords(wanted, waiting)
    expect(await passwords({ ...wanted, ...other }, waiting)).not.toBe(keys)
    expect(await passwords(wanted, waiting)).toBe(keys)
  })

  test('have no readable password or user as key of the cache', async () => {
    const names: unknown[] = []
    const set = Map.prototype.set
    // The keys of the memory are private.
    Map.prototype.set = function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
      if (typeof value === 'object' && value !== null && 'until' in value) names.push(key, inspect(value, { depth: 9 }))
      return set.call(this, key, value) as Map<unknown, unknown>
    }
    try {
      for (let round = 0; round < 2; round++)
        await createSaltedPasswords(new FakeClock(), 600, hashQueue())(wanted, waiting)
    } finally {
      Map.prototype.set = set
    }
    expect(names).toHaveLength(4)
    expect(names[0]).toMatch(/^[A-Za-z0-9+/]{43}=$/)
    // Each memory has its own secret, so a table of hashes cannot fit.
    expect(names[0]).not.toBe(names[2])
    const everything = names.join()
    for (const secret of [wanted.user, wanted.password]) {
      expect(everything).not.toContain(secret)
      expect(everything).not.toContain(Buffer.from(secret).toString('base64').slice(0, 8))
    }
  })
})

test('of logins with the same password at the same time, those that wait derive no SCRAM keys', async () => {
  const derive = jest.fn(promisify(pbkdf2))
  const passwords = createSaltedPasswords(new FakeClock(), 600, hashQueue(), derive)
  await Promise.all(Array.from({ length: 4 }, () => passwords(wanted, waiting)))
  expect(derive).toHaveBeenCalledTimes(2)
})
