import { expect, test } from '@jest/globals'
import type { Config } from '../../../src/config/config.js'
import { createCapacity } from '../../../src/warm/numbers/capacity.js'

test('each limit has its use, and null if there is no limit', () => {
  const limits = { sessions: 100, megabytes: 512, unreadMegabytes: 64 }
  const { memory, heap, ...others } = createCapacity({
    config: { workers: 0, limits, listen: { maxConnections: 0 } } as Config,
    registry: { size: 5 },
    descriptors: { taken: 20, most: Number.POSITIVE_INFINITY },
    waiting: { bytes: 10, most: 1000 },
    connections: () => 7,
    unreadBytes: () => 3,
  })()
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
