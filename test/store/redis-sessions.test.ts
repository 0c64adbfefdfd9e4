import { expect, test } from '@jest/globals'
import type { RedisLine } from '../../src/store/redis/redis-line.js'
import { redisSessions } from '../../src/store/redis/redis-sessions.js'
import { readSession, rowOf } from '../../src/store/redis/session-rows.js'
import { sessionOf } from './entries.js'

test('a list is read in parts, so that Redis serves others meanwhile, and once for all who ask together', async () => {
  const parts: Record<string, readonly [next: string, ids: readonly string[]]> = {
    '0': ['7', ['a', 'b']],
    // While Redis makes its table larger, it may name a session twice.
    '7': ['0', ['b', 'c']],
  }
  const sent: string[] = []
  const send = async (...command: readonly string[]) => {
    sent.push(command.join(' '))
    const [next, ids] = parts[command[2]!]!
    return [next, ids.flatMap(id => [id, rowOf(sessionOf(id))])]
  }
  const sessions = redisSessions({ send } as unknown as RedisLine)
  const scope = ['*']
  const [page, states] = await Promise.all([
    sessions.page({ scope, limit: 10, after: undefined }),
    sessions.states(scope),
  ])
  expect([page.total, page.sessions.map(({ id }) => id), [...states.values()]]).toEqual([3, ['a', 'b', 'c'], [3]])
  expect(sent).toEqual(['HSCAN warm:rows 0 COUNT 1000', 'HSCAN warm:rows 7 COUNT 1000'])
  await sessions.states(scope)
  expect(sent).toHaveLength(4)
})

test('a row has no secret, even if the session is given with its secrets', () => {
  expect(rowOf(sessionOf('1', { secrets: ['5ecret'] }))).not.toContain('5ecret')
})

const rowWith = (wrong: object) => `web1\t${JSON.stringify({ ...sessionOf('1'), ...wrong })}`

test.each([
  ...['', 'web1', 'web1\tnull', 'web1\t5', 'web1\t{"id":5}', 'web1\t{"id":"5"}', 'web1\t{'],
  ...[{ jid: 5 }, { domain: null }, { openedAt: '1' }, { state: {} }, { tab: null }, { transport: [] }].map(rowWith),
])('a row that is no session: %j', row => {
  expect(readSession(row)).toEqual([])
})
