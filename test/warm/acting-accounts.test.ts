import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { CallerGone } from '../../src/lib/caller-gone.js'
import { Problem } from '../../src/lib/errors.js'
import { Rate } from '../../src/lib/limits/rates.js'
import { secretKeys } from '../../src/lib/secrets/secret-hashes.js'
import type { LoginRequest } from '../../src/servers/login/login-request.js'
import { limitActingAccounts } from '../../src/warm/call-limits.js'
import { FakeClock } from '../support/fake-clock.js'

const wish = (password: string, local = 'juliet') =>
  ({
    jid: { local, domain: 'chat.example' },
    credentials: { kind: 'password', user: 'portal', password },
  }) as LoginRequest

const keys = secretKeys(() => undefined)

const refuseAbove = (_admin: string, _limit: string, retryAfterSeconds?: number) => {
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
    const accounts = limitActingAccounts(new Rate(3, 60), clock, keys, refuseAbove)
    call = password => accounts(wish(password), 'admin', () => logIn(password), new CallerGone())
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
})

describe('many calls at once with the same password', () => {
  const callAtOnce = (logIn: (user: number) => Promise<string>) => {
    const accounts = limitActingAccounts(new Rate(3, 60), new FakeClock(), keys, refuseAbove)
    const call = (user: number) => accounts(wish('same', `user${user}`), 'admin', () => logIn(user), new CallerGone())
    return { call, ends: Promise.allSettled(Array.from({ length: 40 }, (_, user) => call(user))) }
  }

  test('are accepted if it is right, although one fails because of its user', async () => {
    const { ends } = callAtOnce(async user => {
      if (user === 0) throw new Problem('authzid-refused', { step: 'sasl' })
      return 'session'
    })
    const [ghost, ...others] = (await ends).map(end => (end.status === 'fulfilled' ? end.value : end.reason.code))
    expect([ghost, new Set(others)]).toEqual(['authzid-refused', new Set(['session'])])
  })

  test('count each if it is wrong', async () => {
    const { call, ends } = callAtOnce(async () => Promise.reject(new Problem('not-authorized', { step: 'sasl' })))
    await ends
    await expect(call(40)).rejects.toMatchObject({ code: 'too-many-requests' })
  })
})

test.each(['timeout', 'remote-connection-failed', 'temporary-auth-failure'] as const)(
  'a server that fails while it checks passwords (%s) has refused none',
  async code => {
    const accounts = limitActingAccounts(new Rate(3, 60), new FakeClock(), keys, refuseAbove)
    for (let call = 0; call < 5; call++) {
      const fail = () => Promise.reject(new Problem(code, { step: 'sasl' }))
      await expect(accounts(wish('right', `user${call}`), 'admin', fail, new CallerGone())).rejects.toMatchObject({
        code,
      })
    }
    expect(await accounts(wish('right'), 'admin', async () => 'session', new CallerGone())).toBe('session')
  },
)
