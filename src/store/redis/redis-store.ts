import type { Clock } from '../../lib/clock.js'
import type { Store, StoreEvents } from '../store.js'
import { Heartbeats } from './heartbeats.js'
import type { RedisSettings } from './redis-client.js'
import { RedisLine } from './redis-line.js'
import { redisMarks } from './redis-marks.js'
import { redisRates } from './redis-rate.js'
import { redisRecords } from './redis-records.js'
import { redisSessions } from './redis-sessions.js'
import { redisTabs } from './redis-tabs.js'

/** The store of a service of several processes, in Redis from 7.0 or Valkey. Is down until `join`. */
export async function redisStore(settings: RedisSettings, clock: Clock, events: StoreEvents): Promise<Store> {
  const line = new RedisLine(clock, events)
  const sessions = redisSessions(line)
  const records = redisRecords(line)
  const heartbeats = new Heartbeats(line, sessions, records, clock)
  await line.open(settings)
  return {
    get isUp() {
      return line.isUp
    },
    get isWhole() {
      return line.isUp && heartbeats.isWhole
    },
    get isOverdue() {
      return heartbeats.isOverdue
    },
    get processes() {
      return heartbeats.processes
    },
    sessions,
    tabs: redisTabs(line, clock),
    records,
    ended: redisMarks(line),
    rate: redisRates(line),
    join: member => heartbeats.join(member),
    readProcesses: () => heartbeats.read(),
    leave: name => heartbeats.leave(name),
    close() {
      heartbeats.stop()
      return line.close()
    },
  }
}
