// warm:tab:…  the token of the call that is in the tab
import { orGone } from '../../lib/caller-gone.js'
import { type Clock, pause, type Timer } from '../../lib/clock.js'
import { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import { randomText } from '../../lib/text/random-text.js'
import { lockSeconds, type StoredSession, type TabLock, type TabLocks } from '../store.js'
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
      await turns.take(name, signal)
      const marks = endingKeysOfTab(tab).map(key => markName(key))
      const lock = new Lock(line, clock, name, () => turns.leave(name))
      try {
        for (let ms = shortestPause; !(await lock.take(marks)); ms = Math.min(2 * ms, longestPause))
          await orGone(pause(clock, ms * (0.5 + Math.random())), signal)
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

class Lock implements TabLock {
  readonly #line: RedisLine
  readonly #clock: Clock
  /** The hash of the tab. */
  readonly #name: string
  readonly #end: () => void
  readonly #token = randomText(16, 'base64url')
  #renewal: Timer | undefined
  /** When it expires in Redis at the earliest, by the clock. 0: it is lost. */
  #until = 0
  session: StoredSession | undefined
  hasRecord = false
  endedAt = Number.NEGATIVE_INFINITY

  constructor(line: RedisLine, clock: Clock, name: string, end: () => void) {
    this.#line = line
    this.#clock = clock
    this.#name = name
    this.#end = end
  }

  get #key(): string {
    return `warm:tab:${this.#name}`
  }

  get isLost(): boolean {
    return this.#clock.now() >= this.#until
  }

  /** `marks`: keys of marks of the tab's visit. */
  async take(marks: readonly string[]): Promise<boolean> {
    const until = this.#clock.now() + lockMilliseconds
    const words = [this.#key, this.#token, lockMilliseconds, this.#name, ...marks]
    const taken = (await this.#line.run(take, this.#line.deadline, ...words)) as Taken | null
    if (taken === null) return false
    const [row, records, ends] = taken
    this.session = readSession(row)[0]
    this.hasRecord = records > 0
    this.endedAt = latestOf(ends)
    this.#until = until
    this.#renewLater()
    return true
  }

  async release(): Promise<void> {
    this.#renewal?.cancel()
    this.#renewal = undefined
    await this.#line.run(release, this.#key, this.#token).catch(() => {})
    this.#end()
  }

  #renewLater(): void {
    this.#renewal = this.#clock.after(renewMilliseconds, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const until = this.#clock.now() + lockMilliseconds
    try {
      const renewed = await this.#line.run(renew, this.#key, this.#token, lockMilliseconds)
      this.#until = Number(renewed) === 1 ? until : 0
    } catch {
      // The next renewal may be in time.
    }
    if (this.#renewal !== undefined && !this.isLost) this.#renewLater()
  }
}
