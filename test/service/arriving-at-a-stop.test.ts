import { createSecretKey, randomBytes } from 'node:crypto'
import { expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { Stopping } from '../../src/service/stopping.js'
import { StoredRecords } from '../../src/session/registry/stored-records.js'
import type { BoshBench } from '../support/bosh-bench.js'
import { FakeClock } from '../support/fake-clock.js'
import { memoryStore } from '../support/memory-store.js'
import { nextBench, recordsOf, resumable, takeUpOne } from '../support/next-process.js'

const key = createSecretKey(randomBytes(32))

test.each(['take', 'isEnded'] as const)(
  'a session that is being taken up when the process begins to stop goes to the next process (%s is slow)',
  async slow => {
    const clock = new FakeClock()
    const store = memoryStore(clock)
    const { bench: old, client } = await resumable()
    const told: unknown[] = []
    const recordsAt = (self: string, bench: BoshBench) =>
      new StoredRecords({
        ...{ self, store, keys: () => [key], clock, seconds: 300, phase: bench.phase, log: bench.log },
        take: record => takeUpOne(bench, record),
        end() {},
      })
    await recordsAt('old', old).put(recordsOf(old))

    const bench = nextBench({}, { tellEvent: (type, { id }, reason) => void told.push([type, id, reason]) })
    bench.phase.begin('serving')
    const records = recordsAt('self', bench)
    let go = () => {}
    const gate = new Promise<void>(resolve => {
      go = resolve
    })
    const target = (slow === 'take' ? store.records : store.ended) as unknown as Record<
      string,
      (..._: never[]) => unknown
    >
    const real = target[slow]!.bind(target)
    jest.spyOn(target, slow).mockImplementation(async (...given) => {
      // The answer of Redis is on its way.
      const answer = await real(...given)
      await gate
      return answer
    })
    // A request of the page, or the sweep.
    const asked = records.takeUp({ id: client.id })
    const none = () => {}
    const stopping = new Stopping({
      base: {
        phase: bench.phase,
        joined: {
          ...{ store, requests: 0, tellDraining: none },
          ...{ retireLinks: async () => {}, leave: async () => {}, close: async () => {} },
        },
        log: pino({ enabled: false }),
        sums: { close: none },
      },
      sessions: {
        registry: bench.registry,
        linking: { links: { spares: { close: none } }, shutDown: none, isEmpty: () => true, close: none },
        shared: { records },
      },
      sites: { shutDown: none },
      listening: { retire: none, close: async () => {}, closeIdleConnections: none, closeAllConnections: none },
      events: undefined,
      files: undefined,
      lastHour: { stop: none },
    } as unknown as ConstructorParameters<typeof Stopping>[0])
    const stopped = stopping.stop()
    setTimeout(go, 100)
    await Promise.all([stopped, asked])
    jest.restoreAllMocks()
    expect(told).toEqual([])
    const next = nextBench()
    next.phase.begin('serving')
    expect(await recordsAt('next', next).takeUp({ id: client.id })).toBe('next')
  },
)
