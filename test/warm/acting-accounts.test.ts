import { expect, jest, test } from '@jest/globals'
import { CallerGone } from '../../src/lib/caller-gone.js'
import { Problem } from '../../src/lib/errors.js'
import { Rate } from '../../src/lib/limits/rates.js'
import type { LoginRequest } from '../../src/servers/login/login-request.js'
import { limitActingAccounts } from '../../src/warm/call-limits.js'
import { FakeClock } from '../support/fake-clock.js'

const wish = (password: string, local = 'juliet') =>
  ({
    jid: { local, domain: 'chat.example' },
    credentials: { kind: 'password', user: 'portal', password },
  }) as LoginRequest

const refuseAbove = (_admin: string, _limit: string, retryAfterSeconds?: number) => {
  if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
}

const threeInAMinute = (clock = new FakeClock(), timeout = 60) =>
  limitActingAccounts(new Rate(3, 60), { clock, timeout }, refuseAbove)

test('after too many wrong passwords of an account, its right password of hours ago is accepted', async () => {
  const clock = new FakeClock()
  const accounts = threeInAMinute(clock)
  const logIn = jest.fn(async (password: string) => {
    if (password === 'right') return 'session'
    throw new Problem('not-authorized', { step: 'sasl' })
  })
  const call = (password: string) => accounts(wish(password), 'admin', () => logIn(password), new CallerGone())
  await call('right')
  clock.advance(12 * 3_600_000)
  for (const password of ['one', 'two', 'three'])
    await expect(call(password)).rejects.toMatchObject({ code: 'not-authorized' })
  await expect(call('four')).rejects.toMatchObject({ code: 'too-many-requests' })
  expect(logIn).not.toHaveBeenCalledWith('four')
  expect(await call('right')).toBe('session')
})

test('calls that wait for a first call, which fails because of its user, are tried one by one', async () => {
  let fail = (_problem: Problem) => {}
  const first = new Promise<never>((_resolve, reject) => (fail = reject))
  const accounts = threeInAMinute()
  const ghost = accounts(wish('right', 'ghost'), 'admin', () => first, new CallerGone())
  const others = Array.from({ length: 40 }, (_, number) =>
    accounts(wish('right', `user${number}`), 'admin', async () => 'session', new CallerGone()),
  )
  fail(new Problem('authzid-refused', { step: 'sasl' }))
  await expect(ghost).rejects.toMatchObject({ code: 'authzid-refused' })
  expect(await Promise.all(others)).toEqual(Array(40).fill('session'))
})

test.each([
  ['leaves', 'caller-gone', 60],
  ['has waited long enough', 'timeout', 0.001],
])('a call that waits for one with the same password ends if its caller %s', async (what, code, timeout) => {
  const accounts = threeInAMinute(undefined, timeout)
  void accounts(wish('right', 'first'), 'admin', () => new Promise(() => {}), new CallerGone())
  const signal = new CallerGone()
  const logIn = jest.fn(async () => 'session')
  const second = accounts(wish('right', 'second'), 'admin', logIn, signal)
  if (what === 'leaves') signal.abort()
  await expect(second).rejects.toMatchObject(code === 'timeout' ? { code, step: 'sasl' } : {})
  expect(logIn).not.toHaveBeenCalled()
})

const passing = ['timeout', 'remote-connection-failed', 'temporary-auth-failure'] as const

test.each(passing)('a server that fails while it checks passwords (%s) has refused none', async code => {
  const accounts = threeInAMinute()
  for (let call = 0; call < 5; call++) {
    const fail = () => Promise.reject(new Problem(code, { step: 'sasl' }))
    await expect(accounts(wish('right', `user${call}`), 'admin', fail, new CallerGone())).rejects.toMatchObject({
      code,
    })
  }
  expect(await accounts(wish('right'), 'admin', async () => 'session', new CallerGone())).toBe('session')
})
