import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { Counts } from '../../../src/lib/counts.js'
import { MinuteSums } from '../../../src/lib/limits/minute-sums.js'
import { EventQueue, type SessionEvent } from '../../../src/warm/events/event-queue.js'
import { FakeClock } from '../../support/fake-clock.js'

const second = 1_000
const hour = 3_600_000

let clock: FakeClock
let counts: Counts
let logged: Record<string, unknown>[]
let queue: EventQueue
let sums: MinuteSums
/** Attempts under way, by event. */
let underWay: Map<string, { take: () => void; refuse: (code?: string) => void }>
/** Events of all attempts, in order. */
let attempts: string[]

beforeEach(() => {
  clock = new FakeClock()
  counts = new Counts()
  logged = []
  underWay = new Map()
  attempts = []
  sums = new MinuteSums(clock)
  const log = pino({ level: 'debug' }, { write: line => void logged.push(JSON.parse(line)) })
  const send = ({ id }: SessionEvent) =>
    new Promise<void>((resolve, reject) => {
      attempts.push(id)
      const settle = (act: () => void) => {
        underWay.delete(id)
        act()
      }
      underWay.set(id, {
        take: () => settle(resolve),
        refuse: code => settle(() => reject(Object.assign(new Error('a secret'), { code }))),
      })
    })
  queue = new EventQueue({ clock, counts, sums, log }, send)
})

const add = (id: string, session = 'one', about: Partial<SessionEvent> = {}) =>
  queue.add({ id, type: 'session.ended', session, body: id, ...about })

async function pass(milliseconds = 0): Promise<void> {
  clock.advance(milliseconds)
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
  clock.advance(0)
}

async function take(...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    underWay.get(id)!.take()
    await pass()
  }
}

async function refuse(...ids: readonly string[]): Promise<void> {
  for (const id of ids) underWay.get(id)!.refuse('ECONNREFUSED')
  await pass()
}

const drops = () => logged.filter(({ msg }) => msg === 'events were dropped').map(({ dropped }) => dropped)

describe('the events of a session', () => {
  test('are sent one after another, each after the portal accepted the previous event', async () => {
    for (const id of ['a', 'b']) add(id)
    await pass()
    expect([attempts, queue.waiting]).toEqual([['a'], 2])
    await take('a')
    expect([attempts, queue.waiting]).toEqual([['a', 'b'], 1])
    await take('b')
    add('c')
    await pass()
    await take('c')
    expect([queue.waiting, clock.pending]).toEqual([0, 0])
  })

  test('are sent again, after random pauses that grow to five minutes', async () => {
    add('a')
    add('b')
    await pass()
    const pauses: number[] = []
    for (let failure = 1; failure <= 12; failure++) {
      await refuse('a')
      const began = clock.now()
      while (!underWay.has('a')) await pass(100)
      pauses.push(clock.now() - began)
    }
    const most = pauses.map((_, index) => Math.min(300, 2 ** index) * second)
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(most[index]! / 2)
      expect(pause).toBeLessThanOrEqual(most[index]! + 100)
    }
    expect(new Set(pauses.slice(9)).size).toBeGreaterThan(1)
    expect(attempts).toEqual(Array(13).fill('a'))
    await take('a')
    // The pauses of the next event begin anew.
    await refuse('b')
    await pass(second)
    await take('b')
    expect(counts.events['session.ended']).toEqual({ sent: 2, failed: 13, dropped: 0 })
  })

  test('are dropped a day after they happened; later events are not', async () => {
    add('a')
    await pass()
    while (clock.now() < 24 * hour - 300 * second) {
      await refuse('a')
      await pass(300 * second)
    }
    add('b')
    while (queue.waiting > 1) {
      await refuse('a')
      await pass(300 * second)
    }
    expect(clock.now()).toBeLessThanOrEqual(24 * hour + 600 * second)
    expect([...underWay.keys()]).toEqual(['b'])
    await take('b')
    expect(counts.events['session.ended']).toMatchObject({ sent: 1, dropped: 1 })
  })
})

test('several sessions send at most eight events at a time, oldest first', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `e${index}`)
  for (const id of ids) add(id, id)
  await pass()
  expect(attempts).toEqual(ids.slice(0, 8))
  await take('e5')
  expect(attempts.slice(8)).toEqual(['e8'])
  await refuse('e0', 'e1')
  expect(attempts.slice(9)).toEqual(['e9', 'e10'])
  await pass(second)
  expect(attempts).toHaveLength(11)
  while (underWay.size > 0) await take([...underWay.keys()][0]!)
  sums.close()
  expect([queue.waiting, clock.pending]).toEqual([0, 0])
  expect(counts.events['session.ended']).toEqual({ sent: 20, failed: 2, dropped: 0 })
})

describe('too many events', () => {
  test('are dropped beyond ten thousand, with a log line once a minute', async () => {
    for (let index = 0; index < 10_000; index++) add(`e${index}`, `s${index % 100}`)
    await pass()
    for (let index = 0; index < 5; index++) add('more', 'more', { type: 'session.attached' })
    expect(queue.waiting).toBe(10_000)
    expect(counts.events['session.attached'].dropped).toBe(5)
    expect(drops()).toEqual([])
    await pass(60 * second)
    expect(drops()).toEqual([5])
    add('more')
    await pass(59 * second)
    add('more')
    expect(drops()).toEqual([5])
    await pass(second)
    expect(drops()).toEqual([5, 2])
    await pass(600 * second)
    expect(drops()).toEqual([5, 2])
    // Each accepted event makes room.
    await take(attempts[0]!)
    add('more')
    expect(queue.waiting).toBe(10_000)
  })

  test('are dropped beyond eight of a session, but never its end', async () => {
    for (let index = 0; index < 20; index++) add(`r${index}`, 'one', { type: 'session.resumed' })
    add('end', 'one')
    add('other', 'two', { type: 'session.resumed' })
    expect([queue.waiting, counts.events['session.resumed'].dropped]).toEqual([10, 12])
    await pass()
    while (underWay.size > 0) await take([...underWay.keys()][0]!)
    expect(attempts.filter(id => id !== 'other')).toEqual([...Array.from({ length: 8 }, (_, at) => `r${at}`), 'end'])
  })

  test('leave room for ends of sessions', () => {
    for (let index = 0; index < 12_000; index++) add(`r${index}`, `s${index}`, { type: 'session.resumed' })
    expect(counts.events['session.resumed'].dropped).toBe(7_000)
    for (let index = 0; index < 5_000; index++) add(`e${index}`, `s${index}`)
    expect(counts.events['session.ended'].dropped).toBe(0)
    expect(queue.waiting).toBe(10_000)
  })

  test('are dropped beyond eight megabytes', async () => {
    const body = 'ö'.repeat(512 * 1024)
    for (let index = 0; index < 9; index++) add(`e${index}`, `s${index}`, { body })
    expect([queue.waiting, counts.events['session.ended'].dropped]).toEqual([8, 1])
    await pass()
    await take('e0')
    add('e9', 's9', { body })
    expect([queue.waiting, counts.events['session.ended'].dropped]).toEqual([8, 1])
  })
})

test('the log has one warning a minute about rejected events, without the text of an error', async () => {
  for (const id of ['a', 'b']) add(id, id, { body: 'the body' })
  await pass()
  await refuse('a', 'b')
  await pass(second)
  await refuse('a')
  expect(logged.map(({ level, event, failures }) => [level, event, failures])).toEqual([
    [40, 'a', 1],
    [20, 'b', 1],
    [20, 'a', 2],
  ])
  expect(logged[0]).toMatchObject({ session: 'a', type: 'session.ended', cause: 'ECONNREFUSED' })
  await pass(60 * second)
  await refuse('b')
  expect(logged.at(-1)).toMatchObject({ level: 40, event: 'b', failures: 2 })
  expect(JSON.stringify(logged)).not.toMatch(/a secret|the body/)
})

describe('a stop of the service', () => {
  test('sends each waiting event at most once more', async () => {
    for (const id of ['a1', 'a2', 'a3']) add(id, 'a')
    for (const id of ['b1', 'b2']) add(id, 'b')
    await pass()
    await refuse('a1')
    const stopped = jest.fn()
    const stopping = queue.stop(3 * second).then(stopped)
    await pass()
    // The stop ends the pause of line `a`.
    expect([...underWay.keys()]).toEqual(['b1', 'a1'])
    await refuse('a1')
    await take('b1', 'a2', 'b2')
    expect(stopped).not.toHaveBeenCalled()
    await take('a3')
    await stopping
    expect(counts.events['session.ended']).toEqual({ sent: 4, failed: 2, dropped: 1 })
    sums.close()
    expect(drops()).toEqual([1])
    expect(queue.waiting).toBe(0)
  })

  test('sends events until the time limit, and drops the rest', async () => {
    for (let index = 0; index < 12; index++) add(`e${index}`, `s${index}`)
    await pass()
    const stopping = queue.stop(3 * second)
    await pass(2_999)
    await take('e0')
    await pass(1)
    await stopping
    expect(counts.events['session.ended']).toEqual({ sent: 1, failed: 0, dropped: 11 })
    sums.close()
    expect(drops()).toEqual([11])
    expect(queue.waiting).toBe(0)
    // Attempts under way may finish. No attempt begins.
    await take('e1')
    await refuse('e2')
    add('late')
    await pass(second)
    expect(attempts).toHaveLength(9)
    expect(counts.events['session.ended']).toEqual({ sent: 1, failed: 0, dropped: 12 })
  })

  test('does not wait if there are no events', async () => {
    await queue.stop(3 * second)
    expect([clock.pending, logged]).toEqual([0, []])
  })
})
