// warm:tab:…  the token of the call that is in the tab
import type { CallerSignal } from '../../lib/caller-gone.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { randomText } from '../../lib/text/random-text.js'
import { endingKeysOfTab } from '../ending-keys.js'
import { LocalTurns } from '../local-tabs.js'
import { keys } from '../session-keys.js'
import { lockSeconds, type StoredSession, type TabLock, type TabLocks, type TabName } from '../store.js'
import type { HashKey } from './key-hashes.js'
import { type RedisLine, refusalIfLate, script } from './redis-line.js'
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
const take = script(`${refusalIfLate}
if not redis.call('SET', ARGV[2], ARGV[3], 'NX', 'PX', ARGV[4]) then return nil end
local id = redis.call('GET', 'warm:key:u' .. ARGV[5])
local row = id and redis.call('HGET', 'warm:rows', id) or ''
return { row, redis.call('EXISTS', 'warm:record-of:' .. ARGV[5]), redis.call('MGET', unpack(ARGV, 6)) }`)

/** ARGV: key, token, milliseconds. */
const renew = script(`
return redis.call('GET', ARGV[1]) == ARGV[2] and redis.call('PEXPIRE', ARGV[1], ARGV[3]) or 0`)

/** ARGV: key, token. */
const release = script(`if redis.call('GET', ARGV[1]) == ARGV[2] then redis.call('DEL', ARGV[1]) end`)

export class RedisTabs implements TabLocks {
  readonly #line: RedisLine
  readonly #hashKey: HashKey
  readonly #clock: Clock
  /** Only the first call of each tab asks Redis. */
  readonly #turns = new LocalTurns()

  constructor(line: RedisLine, hashKey: HashKey, clock: Clock) {
    this.#line = line
    this.#hashKey = hashKey
    this.#clock = clock
  }

  async enter(tab: TabName, signal: CallerSignal): Promise<TabLock> {
    const name = this.#hashKey(keys.tab(tab))
    const end = await this.#turns.take(name, signal)
    try {
      const marks = endingKeysOfTab(tab).map(key => markName(this.#hashKey, key))
      const lock = new Lock(this.#line, this.#clock, { name, marks, end })
      for (let pause = shortestPause; !(await lock.take()); pause = Math.min(2 * pause, longestPause))
        await this.#wait(pause * (0.5 + Math.random()), signal)
      if (!signal.aborted) return lock
      await lock.leave()
      throw signal.reason
    } catch (error) {
      end()
      throw error
    }
  }

  #wait(ms: number, signal: CallerSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        timer.cancel()
        signal.removeEventListener('abort', finish)
        if (signal.aborted) reject(signal.reason)
        else resolve()
      }
      const timer = this.#clock.after(ms, finish)
      signal.addEventListener('abort', finish)
      if (signal.aborted) finish()
    })
  }
}

interface LockParts {
  /** The hash of the tab. */
  readonly name: string
  /** Keys of marks of its visit. */
  readonly marks: readonly string[]
  readonly end: () => void
}

type Taken = readonly [row: string, records: number, ends: Marks]

class Lock implements TabLock {
  readonly #line: RedisLine
  readonly #clock: Clock
  readonly #parts: LockParts
  readonly #token = randomText(16, 'base64url')
  #renewal: Timer | undefined
  #isLost = false
  /** When it expires in Redis at the earliest, by the clock. */
  #until = 0
  session: StoredSession | undefined
  hasRecord = false
  endedAt = Number.NEGATIVE_INFINITY

  constructor(line: RedisLine, clock: Clock, parts: LockParts) {
    this.#line = line
    this.#clock = clock
    this.#parts = parts
  }

  get #key(): string {
    return `warm:tab:${this.#parts.name}`
  }

  get isLost(): boolean {
    return this.#isLost || this.#clock.now() >= this.#until
  }

  async take(): Promise<boolean> {
    const until = this.#clock.now() + lockMilliseconds
    const { name, marks } = this.#parts
    const words = [this.#key, this.#token, lockMilliseconds, name, ...marks]
    const taken = (await this.#line.run(take, this.#line.deadline, ...words)) as Taken | null
    if (taken === null) return false
    const [row, records, ends] = taken
    this.session = row === '' ? undefined : readSession(row)
    this.hasRecord = records > 0
    this.endedAt = latestOf(ends)
    this.#until = until
    this.#renewLater()
    return true
  }

  async leave(): Promise<void> {
    this.#renewal?.cancel()
    this.#renewal = undefined
    await this.#line.run(release, this.#key, this.#token).catch(() => {})
    this.#parts.end()
  }

  #renewLater(): void {
    this.#renewal = this.#clock.after(renewMilliseconds, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const until = this.#clock.now() + lockMilliseconds
    try {
      if (Number(await this.#line.run(renew, this.#key, this.#token, lockMilliseconds)) === 1) this.#until = until
      else this.#isLost = true
    } catch {
      // The next renewal may be in time.
    }
    if (this.#renewal !== undefined && !this.isLost) this.#renewLater()
  }
}
