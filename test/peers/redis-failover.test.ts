import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'
import { expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { redisStore } from '../../src/store/redis/redis-store.js'
import { memberOf } from '../store/entries.js'
import { eventually } from '../support/eventually.js'
import { startRedisServer } from '../support/redis-server.js'
import { describeWith } from './needs.js'

describeWith(['redis-server'], 'the store in a Redis without Sentinel', () => {
  test('that became a replica is left for the master at the same address', async () => {
    const [before, next] = await Promise.all([startRedisServer(), startRedisServer()])
    let path = before.path
    // As a service of Kubernetes: what is connected stays with the server before.
    const service = createServer(socket => {
      const server = connect(path)
      pipeline(socket, server, socket, () => {})
    }).listen(0, '127.0.0.1')
    await once(service, 'listening')
    const place = { kind: 'server', host: '127.0.0.1', port: (service.address() as AddressInfo).port } as const
    const store = await redisStore({
      settings: { place },
      clock: systemClock,
      events: { onDown() {}, onUp() {} },
    })
    await store.join(memberOf('c'))
    await before.command('REPLICAOF', '127.0.0.1', '1')
    path = next.path
    await eventually('it is read-only', () => !store.isUp)
    await eventually('it is up', () => store.isUp)
    expect(await next.command('EXISTS', 'warm:process:c')).toBe('1')
    await store.close()
    service.close()
    await Promise.all([before.remove(), next.remove()])
  })
})
