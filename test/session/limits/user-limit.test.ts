import { expect, jest, test } from '@jest/globals'
import type { Most } from '../../../src/lib/limits/rates.js'
import { UserLimit } from '../../../src/session/limits/user-limit.js'
import { BoshBench } from '../../support/bosh-bench.js'

const juliet = 'juliet@chat.example'

function setUp(most: Most) {
  const bench = new BoshBench({}, undefined, {
    userLimit: (registry, refused) => new UserLimit({ most, registry, refused }),
  })
  return { bench, limit: bench.userLimit }
}

test('of two simultaneous logins of a user, one gets the last place', async () => {
  const { limit } = setUp(1)
  expect(await Promise.all([limit.take(juliet), limit.take('JULIET@chat.example/x')])).toEqual([true, false])
  expect(await limit.take('romeo@chat.example')).toBe(true)
  limit.giveBack(juliet)
  expect(await limit.take(juliet)).toBe(true)
})

test('a session counts until it ends', async () => {
  const { bench, limit } = setUp(1)
  expect(await limit.take(juliet)).toBe(true)
  const { id, link } = await bench.warmed({ jid: `${juliet}/balcony` })
  limit.giveBack(juliet)
  expect(await limit.take(juliet)).toBe(false)
  await bench.server(() => link.end({ failure: { step: 'features', code: 'remote-connection-failed' } }))
  // The session stays until its page knows the end.
  expect(bench.registry.byId(id)?.view.state).toBe('ended')
  expect(await limit.take(juliet)).toBe(true)
  await bench.pass(200)
  expect(bench.registry.size).toBe(0)
  expect(await limit.take(juliet)).toBe(false)
})

test('the place of a login is released even if the limit is turned off meanwhile', async () => {
  let most = 1
  const { limit } = setUp(() => most)
  expect(await limit.take(juliet)).toBe(true)
  most = 0
  limit.giveBack(juliet)
  most = 1
  expect(await Promise.all([limit.take(juliet), limit.take(juliet)])).toEqual([true, false])
})

test('a limit of 0 means no limit, and a login does not look at the user’s other sessions', async () => {
  const { bench, limit } = setUp(0)
  await bench.warmed({ jid: `${juliet}/balcony` })
  const counted = jest.spyOn(bench.registry, 'liveOf')
  for (let time = 0; time < 50; time++) expect(await limit.take(juliet)).toBe(true)
  const { link } = await bench.session()
  await bench.server(() => link.bind(`${juliet}/a`))
  expect(counted).not.toHaveBeenCalled()
})
