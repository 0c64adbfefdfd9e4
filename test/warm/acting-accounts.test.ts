import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Problem } from '../../src/lib/errors.js'
import { adminHashQueue } from '../../src/lib/limits/hash-queue.js'
import { Rate } from '../../src/lib/limits/rates.js'
import type { WorkQueue } from '../../src/lib/limits/work-queue.js'
import type { LoginRequest } from '../../src/servers/login/login-request.js'
import { createActingAccounts } from '../../src/warm/acting-accounts.js'
import { FakeClock } from '../support/fake-clock.js'
import { joinNodes } from '../support/joined-nodes.js'
import { unnoted } from '../support/unlimited.js'

const wish = (password: string, local = 'juliet') =>
  ({
    jid: { local, domain: 'chat.example' },
    credentials: { kind: 'password', user: 'portal', password },
  }) as LoginRequest

describe('after too many wrong passwords for an account that acts for others', () => {
  const logIn = jest.fn<(password: string) => Promise<string>>()
  let clock: Awaited<ReturnType<typeof joinNodes>>['clock']
  let call: (node: 0 | 1, password: string) => Promise<string>
  let asked: string
  /** Hashes of passwords that were right, which a process needs to answer others. */
  let hashed: Promise<unknown>[]

  beforeEach(async () => {
    logIn.mockReset().mockImplementation(async password => {
      if (password === 'right') return 'session'
      throw new Problem('not-authorized', { step: 'sasl' })
    })
    const joined = await joinNodes('a', 'b')
    clock = joined.clock
    // Both processes use this rate.
    const rate = new Rate(3, 60)
    asked = ''
    hashed = []
    const queue = adminHashQueue()
    const hashes: WorkQueue = work => {
      const hash = queue(work)
      hashed.push(hash)
      return hash
    }
    const accounts = joined.nodes.map(each => {
      const ask = each.ask.bind(each)
      jest.spyOn(each, 'ask').mockImplementation((...question) => {
        asked += JSON.stringify(question)
        return ask(...question)
      })
      return createActingAccounts({ rate, clock, hashes, nodes: each, refused: unnoted })
    })
    call = async (node, password) => {
      const answer = await accounts[node]!(wish(password), 'admin', () => logIn(password))
      await Promise.all(hashed)
      return answer
    }
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
    expect(asked).toContain('right-password')
    expect(asked).not.toMatch(/"(four|right)"/)
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
    hashes: adminHashQueue(),
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
