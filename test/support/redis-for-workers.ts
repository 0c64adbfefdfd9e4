// Workers share a Redis. Without the package redis-server, tests with workers are skipped.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach } from '@jest/globals'
import { areInstalled } from '../peers/needs.js'
import { type RedisServer, startRedisServer } from './redis-server.js'

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

/** The settings of processes that share this Redis. */
export function settingsFor({ path }: RedisServer): Record<string, string> {
  const keys = join(dirname(path), 'seal.key')
  writeFileSync(keys, Buffer.alloc(32, 9).toString('base64'), { mode: 0o600 })
  return { REDIS_URL: `unix:${path}`, SEAL_KEY_FILE: keys }
}
