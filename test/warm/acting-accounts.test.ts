import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Problem } from '../../src/lib/errors.js'
import { Rate } from '../../src/lib/limits/rates.js'
import { secretKeys } from '../../src/lib/secrets/secret-hashes.js'
import type { LoginRequest } from '../../src/servers/login/login-request.js'
import { createActingAccounts } from '../../src/warm/call-limits.js'
import { FakeClock } from '../support/fake-clock.js'

const wish = (password: string, local = 'juliet') =>
  ({
    jid: { local, domain: 'chat.example' },
    credentials: { kind: 'password', user: 'portal', password },
  }) as LoginRequest

const keys = secretKeys(() => undefined)

const judge = (_admin: string, _limit: string, retryAfterSeconds?: number) => {
  if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
}

describe('after too many wrong passwords for an account that acts for others', () => {
  const logIn = jest.fn<(password: string) => Promise<string>>()
  let clock: FakeClock
  let call: (password: string) => Promise<string>

  beforeEach(() => {
    logIn.mockReset().mockImplementation(async password => {
      if (password === 'right') return 'session'
      throw new Problem('not-authorized', { step: 'sasl' })
    })
    clock = new FakeClock()
    const accounts = createActingAccounts(new Rate(3, 60), clock, keys, judge)
    call = password => accounts(wish(password), 'admin', () => logIn(password))
  })

  const guess = async () => {
    for (const password of ['one', 'two', 'three'])
      await expect(call(password)).rejects.toMatchObject({ code: 'not-authorized' })
    await expect(call('four')).rejects.toMatchObject({ code: 'too-many-requests' })
    expect(logIn).not.toHaveBeenCalledWith('four')
  }

  test('the right password of hours ago is accepted', async () => {
    await call('right')
    clock.advance(12 * 3_600_000)
    await guess()
    expect(await call('right')).toBe('session')
  })

  test('a password that was not accepted before is not tried', async () => {
    await guess()
    await expect(call('right')).rejects.toMatchObject({ code: 'too-many-requests' })
  })
})

test('calls that wait for a first call, which fails because of its user, are tried one by one', async () => {
  let fail = (_problem: Problem) => {}
  const first = new Promise<never>((_resolve, reject) => (fail = reject))
  const accounts = createActingAccounts(new Rate(3, 60), new FakeClock(), keys, judge)
  const ghost = accounts(wish('right', 'ghost'), 'admin', () => first)
  const others = Array.from({ length: 40 }, (_, number) =>
    accounts(wish('right', `user${number}`), 'admin', async () => 'session'),
  )
  fail(new Problem('authzid-refused', { step: 'sasl' }))
  await expect(ghost).rejects.toMatchObject({ code: 'authzid-refused' })
  expect(await Promise.all(others)).toEqual(Array(40).fill('session'))
})
