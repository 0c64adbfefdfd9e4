import { createSecretKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { redisStore } from '../../src/store/redis/redis-store.js'
import type { Store, StoreEvents } from '../../src/store/store.js'
import { storeContract } from '../store/store-contract.js'
import { type RedisServer, startRedisServer } from '../support/redis-server.js'
import { describeWith } from './needs.js'

const sealKey = createSecretKey(Buffer.alloc(32, 7))

function openStore({ path }: RedisServer, events: StoreEvents): Promise<Store> {
  const settings = { place: { kind: 'socket', path } } as const
  return redisStore({ settings, sealKey, clock: systemClock, events })
}

const noEvents = { onDown() {}, onUp() {} }

describeWith(['redis-server'], 'the store in Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedisServer()
  })
  afterAll(() => redis.remove())

  storeContract(async () => {
    await redis.command('FLUSHALL')
    const stores: Store[] = []
    return {
      async open() {
        const store = await openStore(redis, noEvents)
        stores.push(store)
        return store
      },
      pass: ms => sleep(ms),
      async end() {
        for (const store of stores) await store.close()
      },
    }
  })
})
