import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Problem } from '../../src/lib/errors.js'
import { type MakeRate, Rate } from '../../src/lib/limits/rates.js'
import { secretKeys } from '../../src/lib/secrets/secret-hashes.js'
import type { LoginRequest } from '../../src/servers/login/login-request.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { createActingAccounts } from '../../src/warm/acting-accounts.js'
import { FakeClock } from '../support/fake-clock.js'
import { unnoted } from '../support/unlimited.js'

const wish = (password: string, local = 'juliet') =>
  ({
    jid: { local, domain: 'chat.example' },
    credentials: { kind: 'password', user: 'portal', password },
  }) as LoginRequest

describe('after too many wrong passwords for an account that acts for others', () => {
  const logIn = jest.fn<(password: string) => Promise<string>>()
  let clock: FakeClock
  let call: (process: 0 | 1, password: string) => Promise<string>
  /** What the store is asked. */
  let asked: string[]

  beforeEach(async () => {
    logIn.mockReset().mockImplementation(async password => {
      if (password === 'right') return 'session'
      throw new Problem('not-authorized', { step: 'sasl' })
    })
    clock = new FakeClock()
    const store = memoryStore(clock)
    // Both processes use this rate.
    const rate = new Rate(3, 60)
    asked = []
    const keys = secretKeys(() => undefined)
    const sharedRates: MakeRate = (name, most, seconds) => {
      const shared = store.rate(name, most, seconds)
      const note =
        <T>(call: (key: string) => Promise<T>) =>
        (key: string) => {
          asked.push(`${name} ${key}`)
          return call(key)
        }
      return {
        take: note(key => shared.take(key)),
        giveBack: note(key => shared.giveBack(key)),
        count: note(key => shared.count(key)),
        wait: note(key => shared.wait(key)),
      }
    }
    const accounts = [1, 2].map(() => createActingAccounts({ rate, clock, keys, sharedRates, refused: unnoted }))
    call = (process, password) => accounts[process]!(wish(password), 'admin', () => logIn(password))
  })

  const guess = async () => {
    for (const password of ['one', 'two', 'three'])
      await expect(call(1, password)).rejects.toMatchObject({ code: 'not-authorized' })
    await expect(call(1, 'four')).rejects.toMatchObject({ code: 'too-many-requests' })
    expect(logIn).not.toHaveBeenCalledWith('four')
  }

  test('the right password is accepted in a process that has not checked it yet', async () => {
    await call(0, 'right')
    await guess()
    expect(await call(1, 'right')).toBe('session')
    expect(asked).not.toEqual([])
    expect(asked.filter(each => !/^right-passwords [\w+/]{43}=$/.test(each))).toEqual([])
    await expect(call(0, 'four')).rejects.toMatchObject({ code: 'too-many-requests' })
  })

  test('the right password of hours ago is accepted', async () => {
    await call(1, 'right')
    clock.advance(12 * 3_600_000)
    await guess()
    expect(await call(1, 'right')).toBe('session')
  })

  test('a password that no process has accepted before is not tried', async () => {
    await guess()
    await expect(call(1, 'right')).rejects.toMatchObject({ code: 'too-many-requests' })
  })
})

test('calls that wait for a first call, which fails because of its user, are tried one by one', async () => {
  let fail = (_problem: Problem) => {}
  const first = new Promise<never>((_resolve, reject) => (fail = reject))
  const accounts = createActingAccounts({
    rate: new Rate(3, 60),
    clock: new FakeClock(),
    keys: secretKeys(() => undefined),
    refused: unnoted,
  })
  const ghost = accounts(wish('right', 'ghost'), 'admin', () => first)
  const others = Array.from({ length: 40 }, (_, number) =>
    accounts(wish('right', `user${number}`), 'admin', async () => 'session'),
  )
  fail(new Problem('authzid-refused', { step: 'sasl' }))
  await expect(ghost).rejects.toMatchObject({ code: 'authzid-refused' })
  expect(await Promise.all(others)).toEqual(Array(40).fill('session'))
})
