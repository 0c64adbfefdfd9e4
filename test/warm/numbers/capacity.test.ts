import { expect, test } from '@jest/globals'
import { createCapacity, sumOfCapacities } from '../../../src/warm/numbers/capacity.js'

const capacityOf = (ports: number, maxConnections = 0) =>
  createCapacity({
    config: { workers: 0, limits: { sessions: 100, megabytes: 512, unreadMegabytes: 64 }, listen: { maxConnections } },
    registry: { size: 5 },
    descriptors: { taken: 20, most: Number.POSITIVE_INFINITY },
    ports: () => (ports === 0 ? undefined : { used: ports, available: 28_000 }),
    waiting: { bytes: 10, most: 1000 },
    connections: () => 7,
    unreadBytes: () => 3,
  })()

test('each limit has its use, and null if there is no limit', () => {
  const { memory, heap, ...others } = capacityOf(0)
  expect(others).toEqual({
    sessions: { used: 5, most: 100 },
    connections: { used: 7, most: null },
    descriptors: { used: 20, most: null },
    ports: { used: 0, most: null },
    waiting: { used: 10, most: 1000 },
    unread: { used: 3, most: 64 * 2 ** 20 },
  })
  expect(memory.most).toBe(512 * 2 ** 20)
  expect(memory.used).toBeGreaterThan(heap.used)
})

test('the capacity of all processes is the sum, with a limit if each has a limit', () => {
  const one = { place: 'web1', capacity: capacityOf(1, 50) }
  const other = { place: 'web2', capacity: capacityOf(1) }
  expect(sumOfCapacities([one, one])).toMatchObject({ sessions: { used: 10, most: 200 }, connections: { most: 100 } })
  expect(sumOfCapacities([one, other]).connections).toEqual({ used: 14, most: null })
})

test('workers share the local ports of their host, and the fullest host is shown', () => {
  const workers = [1, 2, 3].map(worker => ({ place: `web1, worker ${worker}`, capacity: capacityOf(4_000) }))
  const alone = { place: 'web2', capacity: capacityOf(10_000) }
  expect(sumOfCapacities([alone, ...workers]).ports).toEqual({ used: 12_000, most: 28_000 })
})
