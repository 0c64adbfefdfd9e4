// warm:rows     id → the process, a tab, and the session in JSON
// warm:keys     id → names of its keys, between spaces: `u…` have one session, `s…` many
// warm:key:u…   id
// warm:key:s…   sorted set of ids by the time when they were opened
// warm:of:NAME  set of the ids of a process

import { batches } from '../../lib/batches.js'
import { isOfVisit, pageOf, statesOf } from '../session-order.js'
import type { SessionEntries, SessionEntry, SessionKey, StoredSession } from '../store.js'
import { keyOf, keys, sharedKeysOf, uniqueKeysOf } from '../store-keys.js'
import { hashKey } from './key-hashes.js'
import { nowInScript, type RedisLine } from './redis-line.js'
import { recordScripts } from './redis-records.js'
import { readSession, rowOf } from './session-rows.js'

const inScripts = `
local function ownerOf(row) return string.match(row, '^[^\\t]*') end
local function unlink(id, name)
  local key = 'warm:key:' .. name
  if string.sub(name, 1, 1) == 's' then redis.call('ZREM', key, id)
  elseif redis.call('GET', key) == id then redis.call('DEL', key) end
end
`

/** After `recordScripts`. */
const removing = `${inScripts}
local function remove(id, process)
  local row = redis.call('HGET', 'warm:rows', id)
  redis.call('SREM', 'warm:of:' .. process, id)
  if redis.call('HGET', 'warm:kept:' .. id, 'by') == process then forget(id) end
  if not row or ownerOf(row) ~= process then return end
  for name in string.gmatch(redis.call('HGET', 'warm:keys', id) or '', '%S+') do unlink(id, name) end
  redis.call('HDEL', 'warm:rows', id)
  redis.call('HDEL', 'warm:keys', id)
end
`

/** ARGV: id, process, time when opened, row, names of keys, and perhaps the key of a limit and its number. */
const put = `${inScripts}
local id, process, openedAt, row, names = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('SISMEMBER', 'warm:lost:' .. process, id) == 1 then return 1 end
if ARGV[6] and redis.call('ZCARD', 'warm:key:' .. ARGV[6]) >= tonumber(ARGV[7]) then return 0 end
local oldRow, oldNames = redis.call('HGET', 'warm:rows', id), redis.call('HGET', 'warm:keys', id)
redis.call('HSET', 'warm:rows', id, row)
redis.call('HSET', 'warm:keys', id, names)
local isNew = {}
for name in string.gmatch(names, '%S+') do
  isNew[name] = true
  local key = 'warm:key:' .. name
  if string.sub(name, 1, 1) == 's' then redis.call('ZADD', key, openedAt, id) else redis.call('SET', key, id) end
end
redis.call('SADD', 'warm:of:' .. process, id)
for name in string.gmatch(oldNames or '', '%S+') do if not isNew[name] then unlink(id, name) end end
if oldRow and ownerOf(oldRow) ~= process then redis.call('SREM', 'warm:of:' .. ownerOf(oldRow), id) end
return 1`

/** ARGV: process, then for each session id and row. */
const changeRows = `${inScripts}
for at = 2, #ARGV, 2 do
  local row = redis.call('HGET', 'warm:rows', ARGV[at])
  if row and ownerOf(row) == ARGV[1] then redis.call('HSET', 'warm:rows', ARGV[at], ARGV[at + 1]) end
end`

/** ARGV: process, ids. */
const remove = `${recordScripts} ${removing}
for at = 2, #ARGV do remove(ARGV[at], ARGV[1]) end`

/**
 * ARGV: process, most at once, and `left` if it has left. Removes nothing if the process lives, or may live. Returns how
 * many are left.
 */
export const removeAllOf = `${nowInScript} ${recordScripts} ${removing}
local process, hasLeft = ARGV[1], ARGV[3] == 'left'
if not isDead(process, hasLeft) then return 0 end
for _, id in ipairs(redis.call('SRANDMEMBER', 'warm:kept-by:' .. process, ARGV[2])) do
  orphan(id, hasLeft)
  -- Its record can be gone, or can now be the record of another process.
  redis.call('SREM', 'warm:kept-by:' .. process, id)
end
for _, id in ipairs(redis.call('SRANDMEMBER', 'warm:of:' .. process, ARGV[2])) do
  orphan(id, hasLeft)
  remove(id, process)
end
local left = redis.call('SCARD', 'warm:of:' .. process) + redis.call('SCARD', 'warm:kept-by:' .. process)
if left == 0 then redis.call('SREM', 'warm:processes', process) end
return left`

/** ARGV: name of a key. Returns rows. */
const findRows = `
local key, rows = 'warm:key:' .. ARGV[1], {}
local ids = string.sub(ARGV[1], 1, 1) == 's' and redis.call('ZRANGE', key, 0, -1) or { redis.call('GET', key) }
for _, id in ipairs(ids) do
  local row = id and redis.call('HGET', 'warm:rows', id)
  if row then rows[#rows + 1] = row end
end
return rows`

const mostInCommand = 200
const rowsAtOnce = 1_000

export function redisSessions(line: RedisLine): SessionEntries {
  const unique = (key: string) => `u${hashKey(key)}`
  const shared = (key: string) => `s${hashKey(key)}`

  function write(entry: SessionEntry, limit: readonly (string | number)[] = []): Promise<unknown> {
    const names = [...uniqueKeysOf(entry).map(unique), ...sharedKeysOf(entry).map(shared)]
    const { id, process, openedAt } = entry
    return line.run(put, id, process, openedAt, rowOf(entry), names.join(' '), ...limit)
  }

  async function find(key: SessionKey): Promise<StoredSession[]> {
    if ('id' in key) {
      const row = (await line.send('HGET', 'warm:rows', key.id)) as string | null
      return readSession(row ?? '')
    }
    const isUnique = 'secret' in key || 'tab' in key
    const rows = (await line.run(findRows, isUnique ? unique(keyOf(key)) : shared(keyOf(key)))) as string[]
    const found = rows.flatMap(readSession)
    return 'visit' in key ? found.filter(session => isOfVisit(session, key.visit)) : found
  }

  /** In parts, so that Redis serves others meanwhile: for 50,000 rows, one command would take 0.2 s. */
  async function scan(): Promise<readonly StoredSession[]> {
    const found = new Map<string, StoredSession>()
    let cursor = '0'
    do {
      const answer = await line.send('HSCAN', 'warm:rows', cursor, 'COUNT', String(rowsAtOnce))
      const [next, fields] = answer as readonly [string, readonly string[]]
      const rows = fields.filter((_, index) => index % 2 === 1)
      // A row can come twice.
      for (const session of rows.flatMap(readSession)) found.set(session.id, session)
      cursor = next
    } while (cursor !== '0')
    return [...found.values()]
  }

  /** Shared by all who ask together: it begins after that, so it misses nothing that they have written. */
  let nextScan: Promise<readonly StoredSession[]> | undefined
  const readAll = () => {
    nextScan ??= Promise.resolve().then(() => {
      nextScan = undefined
      return scan()
    })
    return nextScan
  }

  return {
    async open(entry, most) {
      const { user } = entry
      const limit = user === undefined ? [] : [shared(keys.counted('user', user)), most]
      return Number(await write(entry, limit)) === 1
    },
    async put(entries) {
      await Promise.all(entries.map(entry => write(entry)))
    },
    async change(sessions, process) {
      const change = (part: readonly StoredSession[]) =>
        line.run(changeRows, process, ...part.flatMap(session => [session.id, rowOf(session)]))
      await Promise.all(Array.from(batches(sessions, mostInCommand), change))
    },
    async remove(ids, process) {
      await Promise.all(Array.from(batches(ids, mostInCommand), part => line.free(remove, process, ...part)))
    },
    find,
    count: async (by, value) => Number(await line.send('ZCARD', `warm:key:${shared(keys.counted(by, value))}`)),
    async page(wish) {
      const { visit, user } = wish
      if (visit === undefined && user === undefined) return pageOf(await readAll(), wish)
      return pageOf(await find(visit === undefined ? { user: user! } : { visit }), wish)
    },
    states: async scope => statesOf(await readAll(), scope),
  }
}
