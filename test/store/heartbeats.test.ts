import { expect, test } from '@jest/globals'
import { Heartbeats } from '../../src/store/redis/heartbeats.js'
import type { RedisLine } from '../../src/store/redis/redis-line.js'
import type { Member, ProcessEntry, Records, SessionEntries } from '../../src/store/store.js'
import { FakeClock } from '../support/fake-clock.js'

const entry = (name: string, isDraining = false): ProcessEntry => ({
  ...{ name, address: `unix:/${name}`, place: 'here', version: '2.0.0', settings: {} },
  isDraining,
})

/** Answers the beats when the test says so. */
class SlowLine {
  readonly isUp = true
  readonly reason = 'no-answer'
  readonly answers: ((entries: readonly ProcessEntry[]) => void)[] = []
  onReady = () => {}

  probe() {
    const answer = new Promise<unknown>(resolve => {
      this.answers.push(entries => resolve([1, 0, entries.map(each => JSON.stringify(each)), [], 0, []]))
    })
    return { answer, settled: answer }
  }

  up() {}
  send = async () => []
  run = async () => 0
}

const turn = () => new Promise(setImmediate)

test('what is read is not older than the call, although a beat was under way', async () => {
  const line = new SlowLine()
  const clock = new FakeClock()
  const sessions = { put: async () => {}, remove: async () => {} } as unknown as SessionEntries
  const records = { forget: async () => {} } as unknown as Records
  const beats = new Heartbeats(line as unknown as RedisLine, sessions, records, clock)
  const member: Member = { entry: () => entry('self'), sessions: () => [], checkEnded() {}, lost() {} }
  const joined = beats.join(member)
  line.answers.shift()!([entry('self'), entry('other')])
  await joined
  clock.advance(1_000)
  const beforeChange = line.answers.shift()!
  const read = beats.read()
  beforeChange([entry('self'), entry('other')])
  await turn()
  line.answers.shift()!([entry('self'), entry('other', true)])
  expect(await read).toEqual([entry('other', true), entry('self')])
  beats.stop()
})
