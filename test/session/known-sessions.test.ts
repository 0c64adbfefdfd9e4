import { expect, test } from '@jest/globals'
import { knownSessions } from '../../src/session/known-sessions.js'
import { FakeSessions, idOf } from '../warm/fake-sessions.js'

test('sessions that live elsewhere are shown among those that live here, and left alone', () => {
  const [here, elsewhere] = [new FakeSessions(), new FakeSessions()]
  here.add(1, { createdAt: 1 })
  here.add(3, { createdAt: 3, jid: 'romeo@chat.example/x' })
  elsewhere.add(2, { createdAt: 2, state: 'elsewhere' })
  const known = knownSessions(here, elsewhere)
  expect([...known.list()].map(({ id }) => id)).toEqual([idOf(1), idOf(2), idOf(3)])
  expect(known.ofJid('juliet@chat.example').map(({ id }) => id)).toEqual([idOf(1), idOf(2)])
  expect([1, 2, 4].map(number => known.get(idOf(number))?.state)).toEqual(['quiet', 'elsewhere', undefined])
  expect(known.resume(idOf(2), { seconds: 30, attachBinding: 'off' })).toBeUndefined()
  expect([known.end(idOf(2)), known.end(idOf(1))]).toEqual([false, true])
  expect([here.ended, elsewhere.ended]).toEqual([[idOf(1)], []])
})
