// warm:processes     set of names
// warm:process:NAME  the entry of a process, which expires
// warm:beat          expires with the last entry
// warm:since         the time of the first beat after Redis was away from a process, or from all: living processes have
//                    their entries again 5 s later
import { attempt } from '../../lib/attempt.js'
import { batches } from '../../lib/batches.js'
import type { Clock, Timer } from '../../lib/clock.js'
import {
  type Member,
  type ProcessEntry,
  processSeconds,
  type Store,
  type StoreEvents,
  StoreUnavailable,
} from '../store.js'
import type { RedisSettings } from './redis-client.js'
import { nowInScript, RedisLine } from './redis-line.js'
import { redisMarks } from './redis-marks.js'
import { redisRates } from './redis-rate.js'
import { redisRecords } from './redis-records.js'
import { redisSessions, removeAllOf } from './redis-sessions.js'
import { redisTabs } from './redis-tabs.js'

const beatMilliseconds = 1_000
const entriesAtOnce = 200
/** How long a process that was suspended waits for Redis, which may have closed the connection meanwhile. */
const longestWaking = 30_000

/**
 * ARGV: name, entry, milliseconds, 1 if Redis was away. Returns whether the entry was there, the time, all entries, names without one,
 * whether the process has missed an end, and sessions that others have taken from it.
 */
const beat = `${nowInScript}
local name, own = ARGV[1], 'warm:process:' .. ARGV[1]
local wasKnown = redis.call('EXISTS', own)
redis.call('SET', own, ARGV[2], 'PX', ARGV[3])
redis.call('SADD', 'warm:processes', name)
if ARGV[4] == '1' or redis.call('EXISTS', 'warm:beat') == 0 then redis.call('SET', 'warm:since', now) end
redis.call('SET', 'warm:beat', '1', 'PX', ARGV[3])
local entries, dead = {}, {}
for _, each in ipairs(redis.call('SMEMBERS', 'warm:processes')) do
  local entry = redis.call('GET', 'warm:process:' .. each)
  if entry then entries[#entries + 1] = entry else dead[#dead + 1] = each end
end
local hasMissed, lost = redis.call('DEL', 'warm:missed:' .. name), redis.call('SMEMBERS', 'warm:lost:' .. name)
return { wasKnown, now, entries, dead, hasMissed, lost }`

type Beat = readonly [
  wasKnown: number,
  redisNow: number,
  entries: readonly string[],
  dead: readonly string[],
  hasMissed: number,
  lost: readonly string[],
]

function isEntry(value: unknown): value is ProcessEntry {
  const { name, address, place, version, settings, isDraining } = (value ?? {}) as Partial<ProcessEntry>
  const areTexts = [name, address, place, version].every(text => typeof text === 'string')
  return areTexts && typeof settings === 'object' && settings !== null && typeof isDraining === 'boolean'
}

/** The store of a service of several processes, in Redis from 7.0 or Valkey. Is down until `join`. */
export async function redisStore(settings: RedisSettings, clock: Clock, events: StoreEvents): Promise<Store> {
  const line = new RedisLine(clock, events)
  const store = new RedisStore(line, clock)
  await line.open(settings)
  return store
}

/** Each second, writes the entry of this process, and removes those of dead processes. */
export class RedisStore implements Store {
  readonly tabs: Store['tabs']
  readonly ended: Store['ended']
  readonly rate: Store['rate']
  readonly #line: RedisLine
  readonly #clock: Clock
  #member: Member | undefined
  #timer: Timer | undefined
  #beating: Promise<void> | undefined
  /** When the next beat can begin. */
  #settled: Promise<void> = Promise.resolve()
  #writing: Promise<void> | undefined
  /** Redis may have lost entries of this process, or have some that are wrong. */
  #mustWrite = true
  /** Since the last beat that succeeded. */
  #wasAway = false
  /** All processes that are alive have written their entries again by then. */
  #wholeAt: number | undefined
  /** When the timer fired last. */
  #tickAt: number | undefined
  /** When the process was seen to be overdue. Undefined once a beat that began since then has succeeded. */
  #wokeAt: number | undefined
  processes: readonly ProcessEntry[] = []

  constructor(
    line: RedisLine,
    clock: Clock,
    readonly sessions: Store['sessions'] = redisSessions(line),
    readonly records: Store['records'] = redisRecords(line),
  ) {
    this.#line = line
    this.#clock = clock
    this.tabs = redisTabs(line, clock)
    this.ended = redisMarks(line)
    this.rate = redisRates(line)
    line.onReady = () => {
      this.#mustWrite = true
      void this.#beat()
    }
  }

  get isUp(): boolean {
    return this.#line.isUp
  }

  get isWhole(): boolean {
    return this.isUp && this.#areAllBack
  }

  get isOverdue(): boolean {
    return this.#wokeAt !== undefined || this.#isLate
  }

  get #areAllBack(): boolean {
    return this.#wholeAt !== undefined && this.#clock.now() >= this.#wholeAt
  }

  get #isLate(): boolean {
    return this.#tickAt !== undefined && this.#clock.now() - this.#tickAt >= processSeconds * 1000
  }

  async join(member: Member): Promise<void> {
    this.#member = member
    this.processes = [member.entry()]
    await this.#beat()
    await this.#writing
    this.#next()
  }

  async readProcesses(): Promise<readonly ProcessEntry[]> {
    if (!this.#line.isUp) throw new StoreUnavailable(this.#line.reason)
    await this.#beating
    // A beat that began before this call may lack what the caller was told of.
    if (this.#line.isUp) await this.#settled
    await this.#beat()
    if (!this.#line.isUp) throw new StoreUnavailable(this.#line.reason)
    return this.processes
  }

  async leave(name: string): Promise<void> {
    this.#stop()
    await this.#beating
    await this.#line.send('DEL', `warm:process:${name}`)
    await this.#removeAllOf(name, 'left')
  }

  close(): Promise<void> {
    this.#stop()
    return this.#line.close()
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#tickAt = undefined
    this.#wokeAt = undefined
    this.#member = undefined
  }

  #next(): void {
    this.#tickAt = this.#clock.now()
    this.#timer = this.#clock.after(beatMilliseconds, () => {
      void this.#beat()
      this.#next()
    })
  }

  /** One at a time: a connection that does not answer gets no other, so that it is silent and is closed. */
  #beat(): Promise<void> {
    const member = this.#member
    if (member === undefined) return Promise.resolve()
    if (this.#isLate) this.#wokeAt = this.#clock.now()
    if (this.#beating !== undefined) return this.#beating
    const entry = member.entry()
    const wokeAt = this.#wokeAt
    this.#wasAway ||= this.#wholeAt !== undefined && !this.#line.isUp
    const words = [entry.name, JSON.stringify(entry), processSeconds * 1000, this.#wasAway ? 1 : 0]
    const { answer, settled } = this.#line.probe(beat, ...words)
    const done = answer
      .then(reply => {
        this.#hear(reply as Beat, entry.name, member)
        return true
      })
      .catch(() => {
        this.#mustWrite = true
        this.#wasAway = true
        return false
      })
      .then(isHeard => {
        // It can have been suspended again meanwhile.
        if (wokeAt === undefined || wokeAt !== this.#wokeAt) return
        if (!isHeard && this.#clock.now() - wokeAt < longestWaking) return
        this.#wokeAt = undefined
        this.#tickAt = this.#clock.now()
        member.caughtUp()
      })
    this.#beating = done
    this.#settled = Promise.all([settled, done]).then(() => {
      this.#beating = undefined
    })
    return done
  }

  #hear([wasKnown, redisNow, entries, dead, hasMissed, lost]: Beat, name: string, member: Member): void {
    // An entry can be damaged, or of a version to come.
    const readable = entries.map(text => attempt(() => JSON.parse(text) as unknown)).filter(isEntry)
    this.#noteLoss(wasKnown === 1)
    const names = new Set(readable.map(({ name }) => name))
    const kept = this.#areAllBack ? [] : this.processes.filter(({ name }) => !names.has(name))
    this.processes = [...readable, ...kept].sort((a, b) => (a.name < b.name ? -1 : 1))
    // Also after a single command without an answer: until now, all others were refused.
    const mustWrite = this.#mustWrite || wasKnown === 0 || !this.#line.isUp
    this.#mustWrite = false
    this.#line.up(redisNow)
    if (lost.length > 0) {
      member.lost(lost)
      // The process has left these sessions now, so it may take them up again.
      this.#line.send('SREM', `warm:lost:${name}`, ...lost).catch(() => {})
    }
    if (mustWrite)
      this.#writing = this.#writeAll(name, member).catch(() => {
        this.#mustWrite = true
      })
    // The timer runs from the end of `join`.
    if (hasMissed === 1 || (mustWrite && this.#timer !== undefined)) member.checkEnded()
    for (const each of dead) this.#removeAllOf(each).catch(() => {})
  }

  /** Redis was away, or empty, or this process was silent. At a start with Redis, others have written their entries. */
  #noteLoss(wasKnown: boolean): void {
    const isFirst = this.#wholeAt === undefined
    if (this.#wasAway || (!isFirst && !(wasKnown && this.#line.isUp)))
      this.#wholeAt = this.#clock.now() + processSeconds * 1000
    else if (isFirst) this.#wholeAt = this.#clock.now()
    this.#wasAway = false
  }

  /** Each batch is read and sent in one turn, so that no newer entry is replaced. Ended sessions are removed at last. */
  async #writeAll(name: string, member: Member): Promise<void> {
    for (const batch of batches(member.sessions(), entriesAtOnce)) await this.sessions.put(batch)
    const stored = (await this.#line.send('SMEMBERS', `warm:of:${name}`)) as readonly string[]
    const kept = (await this.#line.send('SMEMBERS', `warm:kept-by:${name}`)) as readonly string[]
    const own = new Set(Array.from(member.sessions(), ({ id }) => id))
    const areOver = (ids: readonly string[]) => ids.filter(id => !own.has(id))
    await this.sessions.remove(areOver(stored), name)
    await this.records.forget(areOver(kept), name)
  }

  async #removeAllOf(name: string, how = ''): Promise<void> {
    while (Number(await this.#line.run(removeAllOf, name, entriesAtOnce, how)) > 0);
  }
}
