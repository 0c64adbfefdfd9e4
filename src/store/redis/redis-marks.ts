// warm:ended:…      the time: sessions opened until then have ended
// warm:missed:NAME  the process checks its sessions at its next entry

import { type EndedMarks, processSeconds } from '../store.js'
import { endingKey, endingKeysOf } from '../store-keys.js'
import { hashKey } from './key-hashes.js'
import type { RedisLine } from './redis-line.js'

const always = Number.MAX_SAFE_INTEGER
/** A process that was silent for longer than its entry lives checks anyway. */
const missedMilliseconds = 2_000 * processSeconds

/** ARGV: key, time, milliseconds. */
const mark = `
local at, known = ARGV[2], redis.call('GET', ARGV[1])
if known and tonumber(known) > tonumber(at) then at = known end
redis.call('SET', ARGV[1], at, 'PX', ARGV[3])`

export function redisMarks(line: RedisLine): EndedMarks {
  return {
    async mark(ending, seconds) {
      const at = 'at' in ending ? ending.at : always
      await line.run(mark, markName(endingKey(ending)), at, Math.round(seconds * 1000))
    },

    async missed(processes) {
      const set = (name: string) => line.send('SET', `warm:missed:${name}`, '1', 'PX', String(missedMilliseconds))
      await Promise.all(processes.map(set))
    },

    async isEnded(session) {
      const names = endingKeysOf(session).map(markName)
      return session.openedAt <= latestOf((await line.send('MGET', ...names)) as Marks)
    },
  }
}

export type Marks = readonly (string | null)[]

export function markName(key: string): string {
  return `warm:ended:${hashKey(key)}`
}

/** Negative infinity: there is no mark. */
export function latestOf(marks: Marks): number {
  return Math.max(...marks.map(at => Number(at ?? Number.NEGATIVE_INFINITY)))
}
