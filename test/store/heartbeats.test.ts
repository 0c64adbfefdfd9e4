import { expect, jest, test } from '@jest/globals'
import { RedisLine } from '../../src/store/redis/redis-line.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import {
  type ProcessEntry,
  type Records,
  type SessionEntries,
  type SessionEntry,
  StoreUnavailable,
} from '../../src/store/store.js'
import { FakeClock } from '../support/fake-clock.js'
import { memberOf, processOf, sessionOf } from './entries.js'

const turn = () => new Promise(setImmediate)
const records = { forget: async () => {} } as unknown as Records
const beat = (entries: readonly ProcessEntry[]) => [1, 0, entries.map(each => JSON.stringify(each)), [], 0, []]

/** Its store are answered by `probing`. */
class FakeLine extends RedisLine {
  constructor(
    clock: FakeClock,
    readonly probing: () => Promise<unknown>,
  ) {
    super(clock, { onDown() {}, onUp() {} })
  }

  override probe() {
    const answer = this.probing()
    return { answer, settled: answer.catch(() => {}) }
  }

  override send = async () => []
}

const sessions = { put: async () => {}, remove: async () => {} } as unknown as SessionEntries

/** A process that has joined. Its store wait for `answers`. */
async function joinedBeats(...others: readonly ProcessEntry[]) {
  const clock = new FakeClock()
  const answers: ((entries: readonly ProcessEntry[]) => void)[] = []
  const line = new FakeLine(clock, () => new Promise(resolve => answers.push(entries => resolve(beat(entries)))))
  const store = new RedisStore(line, clock, sessions, records)
  const caughtUp = jest.fn()
  const joined = store.join({ ...memberOf('self'), caughtUp })
  const answer = (...processes: readonly ProcessEntry[]) => answers.shift()!([processOf('self'), ...processes])
  answer(...others)
  await joined
  return { clock, store, caughtUp, answers, answer }
}

/** Time passes, but no timer fires. */
function suspending(clock: FakeClock): (milliseconds: number) => void {
  const now = clock.now.bind(clock)
  let suspended = 0
  jest.spyOn(clock, 'now').mockImplementation(() => now() + suspended)
  return milliseconds => {
    suspended += milliseconds
  }
}

test('what is read is not older than the call, although a beat was under way', async () => {
  const { clock, store, answers, answer } = await joinedBeats(processOf('other'))
  clock.advance(1_000)
  const beforeChange = answers.shift()!
  const read = store.readProcesses()
  beforeChange([processOf('self'), processOf('other')])
  await turn()
  const draining = processOf('other', { isDraining: true })
  answer(draining)
  expect(await read).toEqual([draining, processOf('self')])
  await store.close()
})

test('a process that did nothing for five seconds is overdue until a beat that began since then has ended', async () => {
  const { clock, store, caughtUp, answer } = await joinedBeats()
  clock.advance(1_000)
  expect(store.isOverdue).toBe(false)
  suspending(clock)(6_000)
  answer()
  await turn()
  expect([store.isOverdue, caughtUp.mock.calls.length]).toEqual([true, 0])
  clock.advance(1_000)
  expect(store.isOverdue).toBe(true)
  answer()
  await turn()
  expect([store.isOverdue, caughtUp.mock.calls.length]).toEqual([false, 1])
  await store.close()
})

test.each([3, 35])('an overdue process whose connection to Redis broke waits for %i s of at most 30', async seconds => {
  const clock = new FakeClock()
  let isThere = true
  const line = new FakeLine(clock, async () => {
    if (!isThere) throw new StoreUnavailable('no-connection')
    return beat([processOf('self')])
  })
  const store = new RedisStore(line, clock, sessions, records)
  await store.join(memberOf('self'))
  suspending(clock)(6_000)
  isThere = false
  let overdue = 0
  for (let second = 0; second < seconds; second++) {
    clock.advance(1_000)
    if (store.isOverdue) overdue += 1
    await turn()
  }
  isThere = true
  clock.advance(1_000)
  await turn()
  expect([overdue, store.isOverdue]).toEqual([Math.min(seconds, 31), false])
  await store.close()
})

test('a process that is suspended again before a beat has ended is overdue until the next one', async () => {
  const { clock, store, answer } = await joinedBeats()
  const suspend = suspending(clock)
  const overdue: boolean[] = []
  for (const milliseconds of [6_000, 60_000]) {
    suspend(milliseconds)
    clock.advance(1_000)
    overdue.push(store.isOverdue)
  }
  for (let beat = 0; beat < 2; beat++) {
    answer()
    await turn()
    overdue.push(store.isOverdue)
    clock.advance(1_000)
  }
  expect(overdue).toEqual([true, true, true, false])
  await store.close()
})

test('entries of sessions are written again after one command got no answer', async () => {
  const clock = new FakeClock()
  const line = new FakeLine(clock, async () => beat([processOf('self')]))
  const written: string[] = []
  const sessions = {
    async put(entries: { id: string }[]) {
      if (!line.isUp) throw new StoreUnavailable('no-answer')
      written.push(...entries.map(({ id }) => id))
    },
    remove: async () => {},
  } as unknown as SessionEntries
  const own: SessionEntry[] = []
  const store = new RedisStore(line, clock, sessions, records)
  await store.join(memberOf('self', own))
  expect(line.isUp).toBe(true)
  // A command has waited for a second: `RedisLine.#inTime`.
  line.down('no-answer')
  own.push(sessionOf('opened-meanwhile'))
  await expect(sessions.put(own)).rejects.toThrow(StoreUnavailable)
  for (let second = 0; second < 8; second++) {
    clock.advance(1_000)
    await turn()
  }
  expect(line.isUp).toBe(true)
  expect(written).toEqual(['opened-meanwhile'])
  await store.close()
})

test('that Redis is there again, but refuses to work, is told once until it is up', () => {
  const told: string[] = []
  const line = new RedisLine(new FakeClock(), { onDown: reason => told.push(reason), onUp: () => told.push('up') })
  line.up(0)
  for (const reason of ['no-connection', 'no-answer', 'full', 'full'] as const) line.down(reason)
  for (const reason of ['no-connection', 'full', 'read-only', 'no-answer'] as const) line.down(reason)
  expect([line.reason, told]).toEqual(['read-only', ['up', 'no-connection', 'full', 'read-only']])
  line.up(0)
  line.down('full')
  expect(told.slice(4)).toEqual(['up', 'full'])
})
