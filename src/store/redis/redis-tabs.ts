// warm:tab:…  the token of the call that is in the tab
import { randomBytes } from 'node:crypto'
import { orGone } from '../../lib/caller-gone.js'
import { type Clock, pause, type Timer } from '../../lib/clock.js'
import { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import { lockSeconds, type TabLock, type TabLocks } from '../store.js'
import { endingKeysOfTab, keys } from '../store-keys.js'
import { hashKey } from './key-hashes.js'
import { type RedisLine, refusalIfLate } from './redis-line.js'
import { latestOf, type Marks, markName } from './redis-marks.js'
import { readSession } from './session-rows.js'

const renewMilliseconds = 1_000
const shortestPause = 20
const longestPause = 250

const lockMilliseconds = lockSeconds * 1000

/**
 * ARGV: deadline, key, token, milliseconds, hash of the tab, keys of marks. Returns the tab's session, whether it has a
 * record, and the marks.
 */
const take = `${refusalIfLate}
if not redis.call('SET', ARGV[2], ARGV[3], 'NX', 'PX', ARGV[4]) then return nil end
local id = redis.call('GET', 'warm:key:u' .. ARGV[5])
local row = id and redis.call('HGET', 'warm:rows', id) or ''
return { row, redis.call('EXISTS', 'warm:record-of:' .. ARGV[5]), redis.call('MGET', unpack(ARGV, 6)) }`

/** ARGV: key, token, milliseconds. */
const renew = `
return redis.call('GET', ARGV[1]) == ARGV[2] and redis.call('PEXPIRE', ARGV[1], ARGV[3]) or 0`

/** ARGV: key, token. */
const release = `if redis.call('GET', ARGV[1]) == ARGV[2] then redis.call('DEL', ARGV[1]) end`

export function redisTabs(line: RedisLine, clock: Clock): TabLocks {
  /** Only the first call of each tab asks Redis. */
  const turns = new KeyedQueue(1)
  return {
    async enter(tab, signal) {
      const name = hashKey(keys.tab(tab))
      await turns.take(name, { signal })
      const marks = endingKeysOfTab(tab).map(markName)
      const takeOnce = () => takeLock(line, clock, name, marks, () => turns.leave(name))
      let lock: TabLock | undefined
      try {
        lock = await takeOnce()
        for (let ms = shortestPause; lock === undefined; ms = Math.min(2 * ms, longestPause)) {
          await orGone(pause(clock, ms * (0.5 + Math.random())), signal)
          lock = await takeOnce()
        }
      } catch (error) {
        turns.leave(name)
        throw error
      }
      if (!signal.aborted) return lock
      await lock.release()
      throw signal.reason
    },
  }
}

type Taken = readonly [row: string, records: number, ends: Marks]

/** Resolves with undefined while another call is in the tab. `name`: its hash. `marks`: keys of marks of its visit. */
async function takeLock(
  line: RedisLine,
  clock: Clock,
  name: string,
  marks: readonly string[],
  onRelease: () => void,
): Promise<TabLock | undefined> {
  const key = `warm:tab:${name}`
  const token = randomBytes(16).toString('base64url')
  /** When the lock expires in Redis at the earliest, by the clock. 0: it is lost. */
  let until = clock.now() + lockMilliseconds
  const taken = await line.run(take, line.deadline, key, token, lockMilliseconds, name, ...marks)
  if (taken === null) return undefined
  const [row, records, ends] = taken as Taken
  let renewal: Timer | undefined
  const renewLater = () => {
    renewal = clock.after(renewMilliseconds, renewOnce)
  }
  const renewOnce = async () => {
    const next = clock.now() + lockMilliseconds
    try {
      const renewed = await line.run(renew, key, token, lockMilliseconds)
      until = Number(renewed) === 1 ? next : 0
    } catch {
      // The next renewal may be in time.
    }
    if (renewal !== undefined && !lock.isLost) renewLater()
  }
  const lock: TabLock = {
    session: readSession(row)[0],
    hasRecord: records > 0,
    endedAt: latestOf(ends),
    get isLost() {
      return clock.now() >= until
    },
    async release() {
      renewal?.cancel()
      renewal = undefined
      await line.run(release, key, token).catch(() => {})
      onRelease()
    },
  }
  renewLater()
  return lock
}
