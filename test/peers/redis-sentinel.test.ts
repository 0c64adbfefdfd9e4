import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { memberOf, sessionOf } from '../store/entries.js'
import { eventually } from '../support/eventually.js'
import { type RedisWithSentinel, startRedisWithSentinel } from '../support/redis-server.js'
import { describeWith } from './needs.js'

describeWith(['redis-server'], 'the store in Redis with Sentinel', () => {
  let redis: RedisWithSentinel
  beforeEach(async () => {
    redis = await startRedisWithSentinel()
  })
  afterEach(() => redis.remove())

  test('follows the master, and stays with it', async () => {
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
    await new Promise(resolve => setTimeout(resolve, 7_000))
    // On a busy machine, an answer can be late.
    expect(told.slice(3).filter(each => each !== 'up' && each !== 'no-answer')).toEqual([])
    await eventually('it is up', () => store.isUp)
    await store.close()
  })
})
