// warm:record:ID    hash: text, at (when written), keys (names, between spaces). Expires
// warm:record-of:…  id. Expires
// warm:records      sorted set of ids by the time when they were written

import type { RecordKey, Records, SessionRecord, TakenRecord } from '../store.js'
import { keyOf, uniqueKeysOf } from '../store-keys.js'
import type { HashKey } from './key-hashes.js'
import { type RedisLine, refusalIfLate } from './redis-line.js'

const inScripts = `
local function take(id)
  local key = 'warm:record:' .. id
  local found = redis.call('HMGET', key, 'text', 'at', 'keys')
  redis.call('ZREM', 'warm:records', id)
  if not found[1] then return nil end
  redis.call('DEL', key)
  for name in string.gmatch(found[3], '%S+') do
    if redis.call('GET', 'warm:record-of:' .. name) == id then redis.call('DEL', 'warm:record-of:' .. name) end
  end
  return { id, found[1], found[2] }
end
`

/** ARGV: deadline, id, text, names of keys, milliseconds. */
const put = `${refusalIfLate} ${inScripts}
local id, key, ms = ARGV[2], 'warm:record:' .. ARGV[2], ARGV[5]
take(id)
local at = string.format('%.0f', now)
redis.call('HSET', key, 'text', ARGV[3], 'at', at, 'keys', ARGV[4])
redis.call('PEXPIRE', key, ms)
redis.call('ZADD', 'warm:records', at, id)
for name in string.gmatch(ARGV[4], '%S+') do redis.call('SET', 'warm:record-of:' .. name, id, 'PX', ms) end`

/** ARGV: deadline, `id` or `key`, an id or the name of a key. */
const takeOne = `${refusalIfLate} ${inScripts}
local id = ARGV[3]
if ARGV[2] == 'key' then id = redis.call('GET', 'warm:record-of:' .. id) end
return id and take(id) or nil`

/** ARGV: deadline, milliseconds, most. */
const takeOldest = `${refusalIfLate} ${inScripts}
local taken, most, before = {}, tonumber(ARGV[3]), now - tonumber(ARGV[2])
while #taken < most do
  local ids = redis.call('ZRANGEBYSCORE', 'warm:records', '-inf', before, 'LIMIT', 0, most - #taken)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do taken[#taken + 1] = take(id) end
end
return taken`

type Taken = readonly [id: string, text: string, at: string]

export function redisRecords(line: RedisLine, hashKey: HashKey): Records {
  return {
    async put(records: readonly SessionRecord[], seconds: number) {
      await Promise.all(
        records.map(record => {
          const names = uniqueKeysOf(record).map(hashKey)
          return line.run(put, line.deadline, record.id, record.text, names.join(' '), millisecondsOf(seconds))
        }),
      )
    },

    async take(key: RecordKey) {
      const words = 'id' in key ? ['id', key.id] : ['key', hashKey(keyOf(key))]
      const taken = (await line.run(takeOne, line.deadline, ...words)) as Taken | null
      return taken === null ? undefined : recordOf(taken)
    },

    async takeOldest(seconds: number, most: number) {
      const taken = await line.run(takeOldest, line.deadline, millisecondsOf(seconds), most)
      return (taken as readonly Taken[]).map(recordOf)
    },
  }
}

const millisecondsOf = (seconds: number) => Math.round(seconds * 1000)

function recordOf([id, text, at]: Taken): TakenRecord {
  return { id, text, writtenAt: Number(at) }
}
