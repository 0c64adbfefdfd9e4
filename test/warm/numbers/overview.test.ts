import { describe, expect, test } from '@jest/globals'
import type { Capacity } from '../../../src/warm/numbers/capacity.js'
import { createHourReader, createOverview, type Overview } from '../../../src/warm/numbers/overview.js'
import { RecentWarms } from '../../../src/warm/numbers/recent-warms.js'
import { FakeClock } from '../../support/fake-clock.js'
import { FakeProcesses } from '../../support/fake-processes.js'

const capacityOf = (sessions: number) => (): Capacity => {
  const none = { used: 0, most: null }
  const use = { used: sessions, most: 100 }
  return {
    ...{ sessions: use, connections: none, memory: { used: 10, most: sessions === 1 ? null : 20 }, heap: none },
    ...{ ports: none, descriptors: none, waiting: none, unread: none },
  }
}

test('a single process lists itself', async () => {
  const clock = new FakeClock()
  const recentWarms = new RecentWarms(clock)
  const look = createOverview({
    clock,
    recentWarms,
    place: 'web1',
    registry: { takesSessions: true },
    capacity: capacityOf(3),
  })
  recentWarms.add('ok', 40)
  const { capacity, warms, processes: all } = await look()
  expect(all).toBeUndefined()
  expect(capacity).toEqual(capacityOf(3)())
  expect([warms.outcomes.warmed, Math.round(warms.within(0.5)!)]).toEqual([1, 44])
})

test('the charts are computed once a minute', async () => {
  const clock = new FakeClock()
  clock.advance(90_000)
  const none = Array.from({ length: 60 }, () => 0)
  let reads = 0
  const tally = () => {
    reads += 1
    return { sessions: none, logins: none, failures: none, took: [] }
  }
  const read = createHourReader({ clock, lastHour: { tally } })
  await read()
  clock.advance(29_000)
  await read()
  expect(reads).toBe(1)
  clock.advance(1_000)
  await read()
  expect(reads).toBe(2)
})

describe('several processes', () => {
  function start(count: number) {
    const processes = new FakeProcesses()
    const clocks: FakeClock[] = []
    const started: {
      look: () => Promise<Overview>
      recentWarms: RecentWarms
      registry: { takesSessions: boolean }
    }[] = []
    for (let number = 0; number < count; number++) {
      const others = processes.start()
      const clock = new FakeClock()
      clock.advance(number * 100_000)
      clocks.push(clock)
      const recentWarms = new RecentWarms(clock)
      const registry = { takesSessions: true }
      started.push({
        look: createOverview({
          ...{ others, clock, recentWarms, place: 'web1', registry },
          capacity: capacityOf(number),
        }),
        recentWarms,
        registry,
      })
    }
    return { all: started, processes, clocks }
  }

  test('are shown together, with the sum of their calls', async () => {
    const { all, processes, clocks } = start(3)
    for (const [number, { recentWarms }] of all.entries())
      for (let call = 0; call <= number; call++) recentWarms.add(call === 2 ? 'timeout' : 'ok', 10 * 4 ** number)
    for (const clock of clocks) clock.advance(5_000)
    all[1]!.registry.takesSessions = false
    processes.named('pppp0001')!.isDraining = true
    for (const { look } of all) {
      const { warms, capacity, processes: seen } = await look()
      expect(capacity).toMatchObject({ sessions: { used: 3, most: 300 }, memory: { used: 30, most: null } })
      expect(seen!.map(({ name, capacity, age, state }) => [name, capacity?.sessions.used, age, state])).toEqual([
        ['pppp0000', 0, 5_000, 'live'],
        ['pppp0001', 1, 5_000, 'draining'],
        ['pppp0002', 2, 5_000, 'live'],
      ])
      expect(warms.outcomes).toEqual({ warmed: 5, refused: 0, failed: 1, gone: 0 })
      expect([0.2, 0.6, 1].map(share => Math.round(warms.within(share)!))).toEqual([12, 44, 169])
    }
    expect((await all[2]!.look()).processes!.map(({ isOwn }) => isOwn)).toEqual([false, false, true])
  })

  test('that do not answer within a second are shown as silent', async () => {
    const { all, processes } = start(2)
    const [one] = all
    processes.named('pppp0001')!.isSilent = true
    expect((await one!.look()).processes).toMatchObject([
      { name: 'pppp0000', state: 'live' },
      { name: 'pppp0001', state: 'silent' },
    ])
    expect((await one!.look()).processes![1]!.capacity).toBeUndefined()
  })
})
