import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { redisStore } from '../../src/store/redis/redis-store.js'
import type { Store } from '../../src/store/store.js'
import { memberOf, sessionOf } from '../store/entries.js'
import { storeContract } from '../store/store-contract.js'
import { eventually } from '../support/eventually.js'
import { openRedisStore, type RedisServer, startRedisServer, startRedisWithSentinel } from '../support/redis-server.js'
import { describeWith } from './needs.js'

describeWith(['redis-server'], 'the store in Redis', () => {
  describe('with one server', () => {
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

  test('follows the master that Sentinel names, and stays with it', async () => {
    const redis = await startRedisWithSentinel()
    const told: string[] = []
    const store = await redis.open({ onDown: reason => told.push(reason), onUp: () => told.push('up') })
    await store.join(memberOf('a', [sessionOf('1')]))
    expect(await store.sessions.find({ id: '1' })).toHaveLength(1)
    await redis.killMaster()
    await eventually('it is down', () => !store.isUp)
    await eventually('it is up again', () => store.isUp)
    await store.readProcesses()
    expect(await store.sessions.count('user', 'anna@example.org')).toBe(1)
    // Connections to sentinels carry nothing for long.
    await sleep(7_000)
    // On a busy machine, an answer can be late.
    expect(told.slice(3).filter(each => each !== 'up' && each !== 'no-answer')).toEqual([])
    await eventually('it is up', () => store.isUp)
    await store.close()
    await redis.remove()
  })

  test('leaves a Redis that became a replica for the master at the same address', async () => {
    const [before, next] = await Promise.all([startRedisServer(), startRedisServer()])
    let path = before.path
    // As a service of Kubernetes: what is connected stays with the server before.
    const service = createServer(socket => {
      const server = connect(path)
      pipeline(socket, server, socket, () => {})
    }).listen(0, '127.0.0.1')
    await once(service, 'listening')
    const place = { kind: 'server', host: '127.0.0.1', port: (service.address() as AddressInfo).port } as const
    const store = await redisStore({ place }, systemClock, { onDown() {}, onUp() {} })
    await store.join(memberOf('c'))
    await before.command('REPLICAOF', '127.0.0.1', '1')
    path = next.path
    // It can be down for less than a look takes.
    const isThere = async () => (await next.command('EXISTS', 'warm:process:c')) === '1'
    await eventually('it has written to the master', isThere)
    await eventually('it is up', () => store.isUp)
    await store.close()
    service.close()
    await Promise.all([before.remove(), next.remove()])
  })
})
