// warm:record:ID    hash: text, form, at (when written), keys (names, between spaces). Expires
//                   after it was taken: by (the process), keys
// warm:kept:ID      hash of a live session: text, form, at, keys, ms (how long its record will live), by (process)
// warm:kept-by:NAME set of the ids of a process
// warm:lost:NAME    set of ids that other processes have taken from a process. Expires
// warm:record-of:…  id. Expires
// warm:records:…    sorted set of the ids of a form by the time when they were written. Expires

import { batches } from '../../lib/batches.js'
import {
  lostSeconds,
  processSeconds,
  type Records,
  type SealedRecord,
  StoreUnavailable,
  type TakenRecord,
  takenSeconds,
} from '../store.js'
import { keyOf, uniqueKeysOf } from '../store-keys.js'
import { hashKey } from './key-hashes.js'
import { nowInScript, type RedisLine, refusalIfLate } from './redis-line.js'

/** Lua, after `now`. */
export const recordScripts = `
local function expire(id, keys, ms)
  redis.call('PEXPIRE', 'warm:record:' .. id, ms)
  for name in string.gmatch(keys or '', '%S+') do
    local key = 'warm:record-of:' .. name
    if redis.call('GET', key) == id then redis.call('PEXPIRE', key, ms) end
  end
end
local function take(id, by, wanted)
  local key = 'warm:record:' .. id
  local text, at, keys, before, form = unpack(redis.call('HMGET', key, 'text', 'at', 'keys', 'by', 'form'))
  if before then return { before } end
  if not text then return nil end
  if not string.find(' ' .. wanted .. ' ', ' ' .. form .. ' ', 1, true) then return { form, 'form' } end
  redis.call('ZREM', 'warm:records:' .. form, id)
  redis.call('HDEL', key, 'text', 'at')
  redis.call('HSET', key, 'by', by)
  expire(id, keys, ${1000 * takenSeconds})
  return { id, text, at }
end
local function put(id, text, at, keys, ms, form)
  local key = 'warm:record:' .. id
  expire(id, redis.call('HGET', key, 'keys'), 0)
  redis.call('HSET', key, 'text', text, 'at', at, 'keys', keys, 'form', form)
  redis.call('PEXPIRE', key, ms)
  redis.call('ZADD', 'warm:records:' .. form, string.format('%.0f', now), id)
  redis.call('PEXPIRE', 'warm:records:' .. form, ms)
  for name in string.gmatch(keys, '%S+') do redis.call('SET', 'warm:record-of:' .. name, id, 'PX', ms) end
end
local function isTaken(id, process)
  if redis.call('SISMEMBER', 'warm:lost:' .. process, id) == 1 then return true end
  local by = redis.call('HGET', 'warm:record:' .. id, 'by')
  return by and by ~= process
end
local function forget(id)
  local by = redis.call('HGET', 'warm:kept:' .. id, 'by')
  if by then redis.call('SREM', 'warm:kept-by:' .. by, id) end
  redis.call('DEL', 'warm:kept:' .. id)
end
local function isDead(process, hasLeft)
  if redis.call('EXISTS', 'warm:process:' .. process) == 1 then return false end
  return hasLeft or now - tonumber(redis.call('GET', 'warm:since') or 0) >= ${1000 * processSeconds}
end
local function orphan(id, hasLeft)
  local text, at, keys, ms, by, form =
    unpack(redis.call('HMGET', 'warm:kept:' .. id, 'text', 'at', 'keys', 'ms', 'by', 'form'))
  if not text then return nil end
  if not isDead(by, hasLeft) then return by end
  forget(id)
  put(id, text, at, keys, ms, form)
  redis.call('SADD', 'warm:lost:' .. by, id)
  redis.call('EXPIRE', 'warm:lost:' .. by, ${lostSeconds})
  return nil
end
`

/** ARGV: deadline, process, milliseconds, id, text, names of keys, form. */
const putOne = `${refusalIfLate} ${recordScripts}
local _, process, ms, id, text, keys, form = unpack(ARGV)
if isTaken(id, process) then return end
forget(id)
put(id, text, string.format('%.0f', now), keys, ms, form)`

/**
 * ARGV: deadline, process, `id` or `key`, an id or the name of a key, forms between spaces. Returns also the process of a
 * live session, or another form.
 */
const takeOne = `${refusalIfLate} ${recordScripts}
local id = ARGV[4]
if ARGV[3] == 'key' then
  id = redis.call('GET', 'warm:record-of:' .. ARGV[4]) or redis.call('GET', 'warm:key:u' .. ARGV[4])
end
if not id then return nil end
local keeper = orphan(id)
if keeper then return { keeper, 'kept' } end
return take(id, ARGV[2], ARGV[5])`

/**
 * ARGV: deadline, process, milliseconds, most, form. A long answer would come too late, and what it took would be
 * lost.
 */
const takeOldest = `${refusalIfLate} ${recordScripts}
local taken, most, before, size = {}, tonumber(ARGV[4]), now - tonumber(ARGV[3]), 0
local queue = 'warm:records:' .. ARGV[5]
while #taken < most and size < ${1024 * 1024} do
  local ids = redis.call('ZRANGEBYSCORE', queue, '-inf', before, 'LIMIT', 0, math.min(10, most - #taken))
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    redis.call('ZREM', queue, id)
    local each = take(id, ARGV[2], ARGV[5])
    if each and each[3] then
      taken[#taken + 1] = each
      size = size + #each[2]
    end
  end
end
return taken`

/** ARGV: process, milliseconds, then for each session id, text, keys and form. Returns ids of taken sessions. */
const keep = `${nowInScript} ${recordScripts}
-- The process has the session from a file, so these are of the process before.
local function forgetOlder(id, process)
  local by = redis.call('HGET', 'warm:kept:' .. id, 'by')
  if by and by ~= process then redis.call('SREM', 'warm:kept-by:' .. by, id) end
  local text, keys, form = unpack(redis.call('HMGET', 'warm:record:' .. id, 'text', 'keys', 'form'))
  if not text then return end
  expire(id, keys, 0)
  redis.call('ZREM', 'warm:records:' .. form, id)
end
local process, ms, taken, at = ARGV[1], ARGV[2], {}, string.format('%.0f', now)
-- Others may have removed the process while it was silent, and look only for the records of known processes.
redis.call('SADD', 'warm:processes', process)
for index = 3, #ARGV, 4 do
  local id = ARGV[index]
  if isTaken(id, process) then taken[#taken + 1] = id
  else
    forgetOlder(id, process)
    local text, keys, form = unpack(ARGV, index + 1, index + 3)
    local key = 'warm:kept:' .. id
    redis.call('HSET', key, 'text', text, 'form', form, 'at', at, 'keys', keys, 'ms', ms, 'by', process)
    redis.call('SADD', 'warm:kept-by:' .. process, id)
  end
end
return taken`

/** ARGV: process, ids. */
const forgetAll = `${nowInScript} ${recordScripts}
for index = 2, #ARGV do
  if redis.call('HGET', 'warm:kept:' .. ARGV[index], 'by') == ARGV[1] then forget(ARGV[index]) end
end`

/** ARGV: process, id. Returns nil if another process could take the session now. */
const isOwn = `
if redis.call('SISMEMBER', 'warm:lost:' .. ARGV[1], ARGV[2]) == 1 then return 0 end
return redis.call('EXISTS', 'warm:process:' .. ARGV[1]) == 1 and 1 or nil`

const mostInCommand = 50

type Taken = readonly [id: string, text: string, at: string]

export function redisRecords(line: RedisLine): Records {
  return {
    async put(records, process, seconds) {
      const ms = millisecondsOf(seconds)
      await Promise.all(records.map(each => line.run(putOne, line.deadline, process, ms, ...wordsOf(each))))
    },

    async take(key, by, forms) {
      const words = 'id' in key ? ['id', key.id] : ['key', hashKey(keyOf(key))]
      const taken = await line.run(takeOne, line.deadline, by, ...words, forms.join(' '))
      if (taken === null) return undefined
      const [about, kind, at] = taken as readonly [string, string?, string?]
      if (at !== undefined) return takenRecordOf(taken as Taken)
      if (kind === undefined) return { by: about }
      return kind === 'kept' ? { keptBy: about } : { form: about }
    },

    async takeOldest(seconds, most, by, form) {
      const taken = await line.run(takeOldest, line.deadline, by, millisecondsOf(seconds), most, form)
      return (taken as readonly Taken[]).map(takenRecordOf)
    },

    async keep(records, process, seconds) {
      const ms = millisecondsOf(seconds)
      const keepPart = (part: readonly SealedRecord[]) =>
        line.run(keep, process, ms, ...part.flatMap(wordsOf)) as Promise<string[]>
      return (await Promise.all(Array.from(batches(records, mostInCommand), keepPart))).flat()
    },

    async forget(ids, process) {
      await Promise.all(Array.from(batches(ids, mostInCommand), part => line.free(forgetAll, process, ...part)))
    },

    async isOwn(id, process) {
      const answer = await line.run(isOwn, process, id)
      if (answer === null) throw new StoreUnavailable('no-answer')
      return Number(answer) === 1
    },
  }
}

function wordsOf(record: SealedRecord): readonly string[] {
  const names = uniqueKeysOf(record).map(hashKey)
  return [record.id, record.text, names.join(' '), record.form]
}

const millisecondsOf = (seconds: number) => Math.round(seconds * 1000)

function takenRecordOf([id, text, at]: Taken): TakenRecord {
  return { id, text, writtenAt: Number(at) }
}
