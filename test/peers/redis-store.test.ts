import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll } from '@jest/globals'
import type { Store } from '../../src/store/store.js'
import { storeContract } from '../store/store-contract.js'
import { openRedisStore, type RedisServer, startRedisServer } from '../support/redis-server.js'
import { describeWith } from './needs.js'

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
        const store = await openRedisStore(redis)
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
