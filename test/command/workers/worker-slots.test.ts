import { beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { WorkerEvents } from '../../../src/command/workers/worker-process.js'
import { WorkerSlots } from '../../../src/command/workers/worker-slots.js'
import { FakeClock } from '../../support/fake-clock.js'

interface FakeWorker extends WorkerEvents {
  readonly number: number
  readonly pid: number
  readonly orders: string[]
  isGone: boolean
}

let clock: FakeClock
let forked: FakeWorker[]
let lines: { level: number; msg: string; worker?: number; problem?: string }[]

beforeEach(() => {
  clock = new FakeClock()
  forked = []
  lines = []
})

const settled = () => new Promise(resolve => setImmediate(resolve))

function slots(count: number): WorkerSlots {
  return new WorkerSlots({
    count,
    drainSeconds: 600,
    clock,
    log: pino({}, { write: line => void lines.push(JSON.parse(line)) }),
    fork(number, events) {
      const worker: FakeWorker = {
        number,
        pid: 100 + forked.length,
        orders: [],
        isGone: false,
        ...events,
        onExit(code, signal) {
          worker.isGone = true
          events.onExit(code, signal)
        },
      }
      forked.push(worker)
      return {
        pid: worker.pid,
        isReady: true,
        tell: ({ order }) => void worker.orders.push(order),
        ask: async () => undefined,
        kill() {
          if (!worker.isGone) worker.onExit(null, 'SIGKILL')
        },
      }
    },
  })
}

/** Workers that all listen. */
async function started(count: number): Promise<WorkerSlots> {
  const all = slots(count)
  const start = all.start()
  for (const worker of forked) worker.onReady(['http://127.0.0.1:1'])
  expect(await start).toEqual(['http://127.0.0.1:1'])
  clock.advance(5_000)
  return all
}

const states = (all: WorkerSlots) => all.workers.map(({ number, state }) => `${number} ${state}`).sort()

describe('a start', () => {
  test('fails with the first reason, and no worker remains', async () => {
    const all = slots(3)
    const start = all.start()
    forked[0]!.onReady(['http://127.0.0.1:1'])
    forked[2]!.onFailed('Another program uses port 1.')
    forked[1]!.onFailed('Another program uses port 1.')
    await expect(start).rejects.toThrow('Another program uses port 1.')
    expect(all.workers).toEqual([])
    // Killed workers do not count as dead.
    const killed = { level: 30, signal: 'SIGKILL', msg: 'a worker has been killed by the primary' }
    expect(lines).toMatchObject([killed, killed, killed])
    expect(all.died).toBe(0)
    clock.advance(60_000)
    expect(forked).toHaveLength(3)
  })

  test('fails if a worker dies before it listens', async () => {
    const start = slots(2).start()
    forked[0]!.onExit(null, 'SIGSEGV')
    await expect(start).rejects.toThrow('Worker 1 has ended before it listened (SIGSEGV).')
  })
})

test('a worker that hangs at the first start ends it after 30 s with a sentence, and no worker remains', async () => {
  const all = slots(2)
  const start = all.start()
  forked[0]!.onReady(['http://127.0.0.1:1'])
  start.catch(() => {})
  clock.advance(29_999)
  await settled()
  expect(states(all)).toEqual(['1 running', '2 starting'])
  clock.advance(1)
  await expect(start).rejects.toThrow('Worker 2 does not listen after 30 s.')
  expect(all.workers).toEqual([])
  clock.advance(60_000)
  await settled()
  expect(forked).toHaveLength(2)
})

describe('a worker that dies', () => {
  test('is replaced under its number after a quarter of a second, and logged', async () => {
    const all = await started(2)
    forked[1]!.onExit(null, 'SIGKILL')
    const died = { level: 40, worker: 2, signal: 'SIGKILL', workerPid: 101, msg: 'a worker has died' }
    expect(lines.at(-1)).toMatchObject(died)
    clock.advance(249)
    expect(forked).toHaveLength(2)
    clock.advance(1)
    expect(forked[2]!.number).toBe(2)
    forked[2]!.onReady([])
    await settled()
    expect(states(all)).toEqual(['1 running', '2 running'])
    expect(all.died).toBe(1)
    expect(lines.at(-1)).toMatchObject({ level: 30, worker: 2, msg: 'a worker has been started' })
  })

  test('again within five seconds is replaced after five seconds', async () => {
    await started(1)
    forked[0]!.onExit(null, 'SIGABRT')
    clock.advance(250)
    forked[1]!.onReady([])
    await settled()
    clock.advance(4_999)
    forked[1]!.onExit(null, 'SIGABRT')
    clock.advance(4_999)
    expect(forked).toHaveLength(2)
    clock.advance(1)
    expect(forked).toHaveLength(3)
  })

  test('whose replacement does not start is replaced again, with the error in the log', async () => {
    await started(1)
    forked[0]!.onExit(1, null)
    clock.advance(250)
    forked[1]!.onFailed('It is not usable.')
    await settled()
    expect(lines.at(-1)).toMatchObject({ level: 50, worker: 1, problem: 'It is not usable.' })
    clock.advance(5_000)
    // This worker never answers.
    expect(forked).toHaveLength(3)
    clock.advance(30_000)
    await settled()
    expect(forked[2]!.isGone).toBe(true)
    clock.advance(5_000)
    expect(forked).toHaveLength(4)
  })
})

describe('a worker that hangs', () => {
  test('is killed and replaced, and does not count as dead', async () => {
    const all = await started(2)
    forked[0]!.onHang()
    expect(forked[0]!.isGone).toBe(true)
    expect(lines.slice(-2)).toMatchObject([
      { level: 50, worker: 1, workerPid: 100, msg: 'a worker hangs and is killed' },
      { level: 30, worker: 1, signal: 'SIGKILL', msg: 'a worker has been killed by the primary' },
    ])
    clock.advance(250)
    forked[2]!.onReady([])
    await settled()
    expect(states(all)).toEqual(['1 running', '2 running'])
    expect([all.hung, all.died]).toEqual([1, 0])
  })

  test('during its drain is killed, and its replacement stays', async () => {
    const all = await started(1)
    const replaced = all.replaceAll()
    forked[1]!.onReady([])
    await replaced
    forked[0]!.onHang()
    expect(forked[0]!.isGone).toBe(true)
    clock.advance(60_000)
    expect(states(all)).toEqual(['1 running'])
    expect([forked.length, all.hung]).toEqual([2, 1])
  })
})

describe('a replacement', () => {
  test('continues with the next worker once the new one listens, and does not wait for drains', async () => {
    const all = await started(2)
    const replaced = all.replaceAll()
    expect(forked.map(({ number }) => number)).toEqual([1, 2, 1])
    expect(forked[0]!.orders).toEqual([])
    forked[2]!.onReady([])
    await settled()
    expect(forked.map(({ orders }) => orders)).toEqual([['retire'], [], [], []])
    expect(states(all)).toEqual(['1 draining', '1 running', '2 running', '2 starting'])
    forked[3]!.onReady([])
    await replaced
    expect(states(all)).toEqual(['1 draining', '1 running', '2 draining', '2 running'])
    forked[0]!.onExit(0, null)
    // The times for a drain and a stop have passed.
    clock.advance(660_000)
    expect(forked[1]!.isGone).toBe(true)
    clock.advance(60_000)
    expect(states(all)).toEqual(['1 running', '2 running'])
    expect([forked.length, all.died]).toEqual([4, 0])
  })

  test.each([
    ['exits', (worker: FakeWorker) => worker.onExit(1, null)],
    ['fails', (worker: FakeWorker) => worker.onFailed('It is not usable.')],
    ['does not listen in time', () => clock.advance(30_000)],
  ])('stops at a new worker that %s, and the old workers stay', async (_how, fail) => {
    const all = await started(2)
    const replaced = all.replaceAll()
    fail(forked[2]!)
    await replaced
    expect(states(all)).toEqual(['1 running', '2 running'])
    expect(forked.map(({ orders }) => orders)).toEqual([[], [], []])
    expect(lines.slice(-2)).toMatchObject([
      { level: 50, worker: 1, msg: 'a worker cannot be started' },
      { level: 50, worker: 1, msg: 'the workers have not been replaced: the old ones stay' },
    ])
    clock.advance(60_000)
    expect(forked).toHaveLength(3)
  })

  test('that is requested during another follows the other, once', async () => {
    const all = await started(1)
    const replaced = all.replaceAll()
    all.replaceAll()
    all.replaceAll()
    forked[1]!.onReady([])
    await settled()
    expect(forked).toHaveLength(3)
    forked[2]!.onReady([])
    await replaced
    expect(forked.map(({ orders }) => orders)).toEqual([['retire'], ['retire'], []])
    await settled()
    expect(forked).toHaveLength(3)
    all.replaceAll()
    expect(forked).toHaveLength(4)
  })

  test.each([
    ['is complete when its restart is ready', (worker: FakeWorker) => worker.onReady([]), '1 running'],
    ['is tried again if it fails', (worker: FakeWorker) => worker.onExit(1, null), '1 starting'],
  ])('of a worker that dies meanwhile %s', async (_what, happens, state) => {
    const all = await started(1)
    const replaced = all.replaceAll()
    forked[0]!.onExit(1, null)
    clock.advance(10_000)
    expect(forked).toHaveLength(2)
    happens(forked[1]!)
    await replaced
    clock.advance(10_000)
    expect(states(all)).toEqual([state])
  })
})

describe('an end', () => {
  test('without a drain waits for all workers, cuts drains short, and kills workers that do not end', async () => {
    const all = await started(1)
    const drained = all.end('drain')
    clock.advance(60_000)
    const ended = all.end('stop').then(() => 'ended')
    expect(forked[0]!.orders).toEqual(['drain', 'stop'])
    clock.advance(59_999)
    expect([forked[0]!.isGone, await Promise.race([ended, settled()])]).toEqual([false, undefined])
    clock.advance(1)
    expect(forked[0]!.isGone).toBe(true)
    expect(lines.at(-2)).toMatchObject({ level: 40, worker: 1, msg: 'a worker has not ended in time' })
    await Promise.all([drained, ended])
  })

  test('during a replacement gives no other order, and no more time, to a worker that stops', async () => {
    const all = await started(1)
    const replaced = all.replaceAll()
    void all.end('stop')
    forked[1]!.onReady(['http://127.0.0.1:1'])
    await replaced
    expect(forked[0]!.orders).toEqual(['stop'])
    clock.advance(60_000)
    expect(forked[0]!.isGone).toBe(true)
  })

  test('during a pause before a restart starts no worker', async () => {
    const all = await started(1)
    forked[0]!.onExit(1, null)
    await all.end('stop')
    clock.advance(60_000)
    expect(forked).toHaveLength(1)
  })
})
