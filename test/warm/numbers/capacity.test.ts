import { expect, test } from '@jest/globals'
import type { Config } from '../../../src/config/config.js'
import { createCapacity, sumOfCapacities } from '../../../src/warm/numbers/capacity.js'

const capacityOf = (maxConnections = 0) =>
  createCapacity({
    config: {
      workers: 0,
      limits: { sessions: 100, megabytes: 512, unreadMegabytes: 64 },
      listen: { maxConnections },
    } as Config,
    registry: { size: 5 },
    descriptors: { taken: 20, most: Number.POSITIVE_INFINITY },
    waiting: { bytes: 10, most: 1000 },
    connections: () => 7,
    unreadBytes: () => 3,
  })()

test('each limit has its use, and null if there is no limit', () => {
  const { memory, heap, ...others } = capacityOf()
  expect(others).toEqual({
    sessions: { used: 5, most: 100 },
    connections: { used: 7, most: null },
    descriptors: { used: 20, most: null },
    waiting: { used: 10, most: 1000 },
    unread: { used: 3, most: 64 * 2 ** 20 },
  })
  expect(memory.most).toBe(512 * 2 ** 20)
  expect(memory.used).toBeGreaterThan(heap.used)
})

test('the capacity of all processes is the sum, with a limit if each has a limit', () => {
  const one = capacityOf(50)
  const other = capacityOf()
  expect(sumOfCapacities([one, one])).toMatchObject({ sessions: { used: 10, most: 200 }, connections: { most: 100 } })
  expect(sumOfCapacities([one, other]).connections).toEqual({ used: 14, most: null })
})
