// warm:rows     id → row (`session-rows.ts`)
// warm:keys     id → names of its keys, between spaces: `u…` have one session, `s…` many
// warm:key:u…   id
// warm:key:s…   sorted set of ids by the time when they were opened
// warm:of:NAME  set of the ids of a process

import { batches } from '../../lib/batches.js'
import { isOfVisit, pageOf, statesOf } from '../session-page.js'
import type { CountedBy, PageWish, SessionEntries, SessionEntry, SessionKey, StoredSession } from '../store.js'
import { keyOf, keys, sharedKeysOf, uniqueKeysOf } from '../store-keys.js'
import type { HashKey } from './key-hashes.js'
import type { RedisLine } from './redis-line.js'
import { completed, readRow, readSession, rowOf } from './session-rows.js'

const inScripts = `
local function ownerOf(row) return string.match(row, '^[^\\t]*') end
local function unlink(id, name)
  local key = 'warm:key:' .. name
  if string.sub(name, 1, 1) == 's' then redis.call('ZREM', key, id)
  elseif redis.call('GET', key) == id then redis.call('DEL', key) end
end
local function remove(id, process)
  local row = redis.call('HGET', 'warm:rows', id)
  redis.call('SREM', 'warm:of:' .. process, id)
  if not row or ownerOf(row) ~= process then return end
  for name in string.gmatch(redis.call('HGET', 'warm:keys', id) or '', '%S+') do unlink(id, name) end
  redis.call('HDEL', 'warm:rows', id)
  redis.call('HDEL', 'warm:keys', id)
end
`

/** ARGV: id, process, time when opened, row, names of keys, and perhaps the key of a limit and its number. */
const put = `${inScripts}
local id, process, openedAt, row, names = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
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
const remove = `${inScripts}
for at = 2, #ARGV do remove(ARGV[at], ARGV[1]) end`

/** ARGV: process, most at once. Removes nothing if the process lives. Returns how many are left. */
export const removeAllOf = `${inScripts}
local process = ARGV[1]
if redis.call('EXISTS', 'warm:process:' .. process) == 1 then return 0 end
for _, id in ipairs(redis.call('SRANDMEMBER', 'warm:of:' .. process, ARGV[2])) do remove(id, process) end
local left = redis.call('SCARD', 'warm:of:' .. process)
if left == 0 then redis.call('SREM', 'warm:processes', process) end
return left`

/** ARGV: name of a key. Returns rows. */
const find = `
local key, rows = 'warm:key:' .. ARGV[1], {}
local ids = string.sub(ARGV[1], 1, 1) == 's' and redis.call('ZRANGE', key, 0, -1) or { redis.call('GET', key) }
for _, id in ipairs(ids) do
  local row = id and redis.call('HGET', 'warm:rows', id)
  if row then rows[#rows + 1] = row end
end
return rows`

const mostInCommand = 200

export class RedisSessions implements SessionEntries {
  readonly #line: RedisLine
  readonly #hashKey: HashKey

  constructor(line: RedisLine, hashKey: HashKey) {
    this.#line = line
    this.#hashKey = hashKey
  }

  async open(entry: SessionEntry, most: number) {
    const { user } = entry
    const limit = user === undefined ? [] : [this.#shared(keys.counted('user', user)), most]
    return Number(await this.#put(entry, limit)) === 1
  }

  async put(entries: readonly SessionEntry[]) {
    await Promise.all(entries.map(entry => this.#put(entry)))
  }

  async change(sessions: readonly StoredSession[], process: string) {
    const change = (part: readonly StoredSession[]) =>
      this.#line.run(changeRows, process, ...part.flatMap(session => [session.id, rowOf(session)]))
    await Promise.all(Array.from(batches(sessions, mostInCommand), change))
  }

  async remove(ids: readonly string[], process: string) {
    await Promise.all(Array.from(batches(ids, mostInCommand), part => this.#line.run(remove, process, ...part)))
  }

  async find(key: SessionKey): Promise<StoredSession[]> {
    if ('id' in key) {
      const row = (await this.#line.send('HGET', 'warm:rows', key.id)) as string | null
      return row === null ? [] : [readSession(row)]
    }
    const isUnique = 'secret' in key || 'tab' in key
    const name = isUnique ? this.#unique(keyOf(key)) : this.#shared(keyOf(key))
    const found = ((await this.#line.run(find, name)) as string[]).map(readSession)
    return 'visit' in key ? found.filter(session => isOfVisit(session, key.visit)) : found
  }

  async count(by: CountedBy, value: string) {
    return Number(await this.#line.send('ZCARD', `warm:key:${this.#shared(keys.counted(by, value))}`))
  }

  async page(wish: PageWish) {
    const { visit, user } = wish
    if (visit === undefined && user === undefined) {
      const { sessions, ...page } = await pageOf(await this.#rows(), wish)
      return { sessions: sessions.map(completed), ...page }
    }
    const found = await this.find(visit === undefined ? { user: user! } : { visit })
    const fitting = user === undefined ? found : found.filter(session => session.user === user)
    return pageOf(fitting, wish)
  }

  async states(scope: readonly string[]) {
    return statesOf(await this.#rows(), scope)
  }

  /** Filtering in a script would block Redis four times as long. */
  async #rows() {
    return readRows((await this.#line.send('HVALS', 'warm:rows')) as string[])
  }

  #put(entry: SessionEntry, limit: readonly (string | number)[] = []): Promise<unknown> {
    const { secrets: _, ...session } = entry
    const names = [
      ...uniqueKeysOf(entry).map(key => this.#unique(key)),
      ...sharedKeysOf(entry).map(key => this.#shared(key)),
    ]
    const { id, process, openedAt } = session
    return this.#line.run(put, id, process, openedAt, rowOf(session), names.join(' '), ...limit)
  }

  #unique(key: string): string {
    return `u${this.#hashKey(key)}`
  }

  #shared(key: string): string {
    return `s${this.#hashKey(key)}`
  }
}

function* readRows(rows: readonly string[]) {
  for (const row of rows) yield readRow(row)
}
