// Workers share a Redis. Without the package redis-server, tests with workers are skipped.
import { afterEach, beforeEach } from '@jest/globals'
import { areInstalled } from '../peers/needs.js'
import { type RedisServer, settingsFor, startRedisServer } from './redis-server.js'

export const redisPackages = ['redis-server'] as const

const hasRedis = areInstalled(redisPackages)

/** Numbers of workers that tests can start, as in `WORKERS`. */
export const workerCounts = (...counts: readonly string[]) => counts.filter(count => count === '0' || hasRedis)

/** Starts a Redis for each test of the file. Returns the settings for a number of workers. */
export function redisForWorkers(): (workers: string) => Record<string, string> {
  let redis: RedisServer | undefined
  beforeEach(async () => {
    if (hasRedis) redis = await startRedisServer()
  })
  afterEach(() => redis?.remove())
  return workers => (workers === '0' ? { WORKERS: workers } : { WORKERS: workers, ...settingsFor(redis!) })
}
