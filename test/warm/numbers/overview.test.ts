import { describe, expect, test } from '@jest/globals'
import { Counts } from '../../../src/lib/counts.js'
import type { Capacity } from '../../../src/warm/numbers/capacity.js'
import { createLastHour, timeWithin } from '../../../src/warm/numbers/last-hour.js'
import { createOverview } from '../../../src/warm/numbers/overview.js'
import { FakeClock } from '../../support/fake-clock.js'
import { FakeProcesses } from '../../support/fake-processes.js'

const capacityOf = (sessions: number) => (): Capacity => {
  const none = { used: 0, most: null }
  const use = { used: sessions, most: 100 }
  const memory = { used: 10, most: sessions === 1 ? null : 20 }
  return { sessions: use, memory, connections: none, heap: none, descriptors: none, waiting: none, unread: none }
}

describe('several processes', () => {
  function start(count: number) {
    const processes = new FakeProcesses()
    const all = Array.from({ length: count }, (_, number) => {
      const others = processes.start()
      const clock = new FakeClock()
      clock.advance(number * 100_000)
      const lastHour = createLastHour({ clock, counts: new Counts(), registry: { size: 0 } })
      const registry = { takesSessions: true }
      const capacity = capacityOf(number)
      const look = createOverview({ others, clock, lastHour, place: 'web1', registry, capacity })
      return { look, lastHour, registry, clock }
    })
    return { all, processes }
  }

  test('are shown together, with the sum of their calls', async () => {
    const { all, processes } = start(3)
    for (const [number, { lastHour }] of all.entries())
      for (let call = 0; call <= number; call++) lastHour.add(call === 2 ? 'timeout' : 'ok', 10 * 4 ** number)
    for (const { clock } of all) clock.advance(5_000)
    all[1]!.registry.takesSessions = false
    processes.named('pppp0001')!.isDraining = true
    for (const { look } of all) {
      const { recent, hour, capacity, processes: seen } = await look()
      expect(capacity).toMatchObject({ sessions: { used: 3, most: 300 }, memory: { used: 30, most: null } })
      expect(seen!.map(({ name, capacity, age, state }) => [name, capacity?.sessions.used, age, state])).toEqual([
        ['pppp0000', 0, 5_000, 'live'],
        ['pppp0001', 1, 5_000, 'draining'],
        ['pppp0002', 2, 5_000, 'live'],
      ])
      expect(recent).toMatchObject({ warmed: 5, refused: 0, failed: 1, gone: 0 })
      expect(hour.logins).toHaveLength(60)
      expect([0.2, 0.6, 1].map(share => Math.round(timeWithin(recent, share)!))).toEqual([12, 44, 169])
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
