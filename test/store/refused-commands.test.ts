import { expect, test } from '@jest/globals'
import { Heartbeats } from '../../src/store/redis/heartbeats.js'
import { RedisLine } from '../../src/store/redis/redis-line.js'
import {
  type Member,
  type ProcessEntry,
  type Records,
  type SessionEntries,
  StoreUnavailable,
} from '../../src/store/store.js'
import { FakeClock } from '../support/fake-clock.js'

const turn = () => new Promise(setImmediate)
const entry: ProcessEntry = {
  ...{ name: 'self', address: 'unix:/self', place: 'here', version: '2.0.0', settings: {}, isDraining: false },
}

/** Answers the beats, and one command too late. */
class LateLine extends RedisLine {
  override probe() {
    const answer = Promise.resolve<unknown>([1, 0, [JSON.stringify(entry)], [], 0, []])
    return { answer, settled: answer }
  }

  override send = async () => []
}

test('entries of sessions are written again after one command got no answer', async () => {
  const clock = new FakeClock()
  const line = new LateLine(clock, { onDown() {}, onUp() {} })
  const written: string[] = []
  const sessions = {
    async put(entries: { id: string }[]) {
      if (!line.isUp) throw new StoreUnavailable('no-answer')
      written.push(...entries.map(({ id }) => id))
    },
    remove: async () => {},
  } as unknown as SessionEntries
  const own: { id: string }[] = []
  const member = { entry: () => entry, sessions: () => own, checkEnded() {}, lost() {} } as unknown as Member
  const records = { forget: async () => {} } as unknown as Records
  const beats = new Heartbeats(line, sessions, records, clock)
  await beats.join(member)
  expect(line.isUp).toBe(true)
  // A command has waited for a second: `RedisLine.#inTime`.
  line.down('no-answer')
  own.push({ id: 'opened-meanwhile' })
  await expect(sessions.put(own as never)).rejects.toThrow(StoreUnavailable)
  for (let second = 0; second < 8; second++) {
    clock.advance(1_000)
    await turn()
  }
  expect(line.isUp).toBe(true)
  expect(written).toEqual(['opened-meanwhile'])
  beats.stop()
})

test('that Redis is there again, but refuses to work, is told once until it is up', () => {
  const told: string[] = []
  const line = new RedisLine(new FakeClock(), { onDown: reason => told.push(reason), onUp: () => told.push('up') })
  line.up(0)
  const reasons = [
    'no-connection',
    'no-answer',
    'full',
    'full',
    'no-connection',
    'full',
    'read-only',
    'no-answer',
  ] as const
  for (const reason of reasons) line.down(reason)
  expect([line.reason, told]).toEqual(['read-only', ['up', 'no-connection', 'full', 'read-only']])
  line.up(0)
  line.down('full')
  expect(told.slice(4)).toEqual(['up', 'full'])
})
