import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Problem } from '../../src/lib/errors.js'
import { Rate } from '../../src/lib/limits/rates.js'
import type { LoginWish } from '../../src/servers/login/wish.js'
import { createActingAccounts } from '../../src/warm/acting-accounts.js'
import { joinNodes } from '../support/joined-nodes.js'
import { unnoted } from '../support/unlimited.js'

const wish = (password: string) =>
  ({
    jid: { local: 'juliet', domain: 'chat.example' },
    credentials: { kind: 'password', user: 'portal', password },
  }) as LoginWish

describe('while an account that acts for others has too many wrong passwords', () => {
  const logIn = jest.fn<(password: string) => Promise<string>>()
  let clock: Awaited<ReturnType<typeof joinNodes>>['clock']
  let call: (node: 0 | 1, password: string) => Promise<string>

  beforeEach(async () => {
    logIn.mockReset().mockImplementation(async password => {
      if (password === 'right') return 'session'
      throw new Problem('not-authorized', { step: 'sasl' })
    })
    const joined = await joinNodes('a', 'b')
    clock = joined.clock
    // Both count the account together.
    const rate = new Rate(3, 60)
    const accounts = joined.nodes.map(each => createActingAccounts(rate, clock, unnoted, each))
    call = (node, password) => accounts[node]!(wish(password), 'admin', () => logIn(password))
  })

  const guess = async () => {
    for (const password of ['one', 'two', 'three'])
      await expect(call(1, password)).rejects.toMatchObject({ code: 'not-authorized' })
    await expect(call(1, 'four')).rejects.toMatchObject({ code: 'too-many-requests' })
    expect(logIn).not.toHaveBeenCalledWith('four')
  }

  test('the right one is tried in a process that has not seen it', async () => {
    await call(0, 'right')
    await guess()
    expect(await call(1, 'right')).toBe('session')
    await expect(call(0, 'four')).rejects.toMatchObject({ code: 'too-many-requests' })
  })

  test('the right one is tried that was right hours ago', async () => {
    await call(1, 'right')
    clock.advance(12 * 3_600_000)
    await guess()
    expect(await call(1, 'right')).toBe('session')
  })

  test('a password is not tried that no process knows', async () => {
    await guess()
    await expect(call(1, 'right')).rejects.toMatchObject({ code: 'too-many-requests' })
  })
})
