import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { CallerSignal } from '../../src/lib/caller-gone.js'
import type { Clock } from '../../src/lib/clock.js'
import { type Limiter, type MakeRate, Rate } from '../../src/lib/limits/rates.js'
import { LocalTurns } from '../../src/store/local-tabs.js'
import { isOfVisit, pageOf, statesOf } from '../../src/store/session-page.js'
import type {
  CountedBy,
  EndedMarks,
  Ending,
  Member,
  PageWish,
  ProcessEntry,
  RecordKey,
  Records,
  SessionEntries,
  SessionEntry,
  SessionKey,
  SessionRecord,
  Store,
  StoredSession,
  TabLock,
  TabLocks,
  TabName,
  TakenRecord,
} from '../../src/store/store.js'
import {
  endingKey,
  endingKeysOf,
  endingKeysOfTab,
  keyOf,
  keys,
  sharedKeysOf,
  uniqueKeysOf,
} from '../../src/store/store-keys.js'

/** A store of several processes that are one process: that of a test. It is always up. `epoch`: Unix time minus `clock.now()`. */
export function memoryStore(clock: Clock, epoch = Date.now() - clock.now()): Store {
  const members = new Map<string, Member>()
  const sessions = new MemorySessions()
  const records = new MemoryRecords(clock, epoch)
  const ended = new MemoryMarks(clock, members)
  const rates = new Map<string, Limiter>()
  const rate: MakeRate = (name, most, seconds) => {
    const counted = rates.get(name) ?? new RateLimiterMemory({ points: 1, duration: seconds })
    rates.set(name, counted)
    return new Rate(most, seconds, counted)
  }
  const processes = (): readonly ProcessEntry[] =>
    [...members.values()].map(member => member.entry()).sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    isUp: true,
    isWhole: true,
    get processes() {
      return processes()
    },
    sessions,
    tabs: new MemoryTabs(sessions, records, ended),
    records,
    ended,
    rate,
    async join(member) {
      members.set(member.entry().name, member)
      await sessions.put([...member.sessions()])
    },
    readProcesses: async () => processes(),
    async leave(name) {
      members.delete(name)
      sessions.removeAllOf(name)
    },
    async close() {},
  }
}

interface Stored {
  readonly session: StoredSession
  readonly unique: readonly string[]
  readonly shared: readonly string[]
}

class MemorySessions implements SessionEntries {
  readonly #stored = new Map<string, Stored>()
  readonly #byUnique = new Map<string, string>()
  readonly #byShared = new Map<string, Set<string>>()

  async open(entry: SessionEntry, most: number) {
    const isFull = entry.user !== undefined && this.#countOf(keys.counted('user', entry.user)) >= most
    if (!isFull) this.#put(entry)
    return !isFull
  }

  async put(entries: readonly SessionEntry[]) {
    for (const entry of entries) this.#put(entry)
  }

  async change(sessions: readonly StoredSession[], process: string) {
    for (const session of sessions) {
      const known = this.#stored.get(session.id)
      if (known?.session.process !== process) continue
      this.#stored.set(session.id, { session, unique: known.unique, shared: known.shared })
    }
  }

  async remove(ids: readonly string[], process: string) {
    for (const id of ids) if (this.#stored.get(id)?.session.process === process) this.#remove(id)
  }

  removeAllOf(process: string): void {
    for (const [id, { session }] of [...this.#stored]) if (session.process === process) this.#remove(id)
  }

  async find(key: SessionKey) {
    return this.#find(key).sort((a, b) => a.openedAt - b.openedAt)
  }

  ofTab(tab: TabName): StoredSession | undefined {
    return this.#find({ tab })[0]
  }

  async count(by: CountedBy, value: string) {
    return this.#countOf(keys.counted(by, value))
  }

  page(wish: PageWish) {
    return pageOf(this.#candidates(wish), wish)
  }

  states(scope: readonly string[]) {
    return statesOf(this.#all(), scope)
  }

  #candidates({ visit, user }: PageWish): Iterable<StoredSession> {
    if (visit === undefined) return user === undefined ? this.#all() : this.#find({ user })
    const found = this.#find({ visit })
    return user === undefined ? found : found.filter(session => session.user === user)
  }

  *#all(): Iterable<StoredSession> {
    for (const { session } of this.#stored.values()) yield session
  }

  #find(key: SessionKey): StoredSession[] {
    const found = [...this.#idsOf(key)].flatMap(id => this.#stored.get(id)?.session ?? [])
    return 'visit' in key ? found.filter(session => isOfVisit(session, key.visit)) : found
  }

  #idsOf(key: SessionKey): Iterable<string> {
    if ('id' in key) return [key.id]
    const text = keyOf(key)
    const id = this.#byUnique.get(text)
    return id === undefined ? (this.#byShared.get(text) ?? []) : [id]
  }

  #countOf(key: string): number {
    return this.#byShared.get(key)?.size ?? 0
  }

  #put(entry: SessionEntry): void {
    this.#remove(entry.id)
    const { secrets: _, ...session } = entry
    const stored = { session, unique: uniqueKeysOf(entry), shared: sharedKeysOf(entry) }
    this.#stored.set(entry.id, stored)
    for (const key of stored.unique) this.#byUnique.set(key, entry.id)
    for (const key of stored.shared) {
      const ids = this.#byShared.get(key)
      if (ids === undefined) this.#byShared.set(key, new Set([entry.id]))
      else ids.add(entry.id)
    }
  }

  #remove(id: string): void {
    const stored = this.#stored.get(id)
    if (stored === undefined) return
    this.#stored.delete(id)
    for (const key of stored.unique) if (this.#byUnique.get(key) === id) this.#byUnique.delete(key)
    for (const key of stored.shared) {
      const ids = this.#byShared.get(key)
      ids?.delete(id)
      if (ids?.size === 0) this.#byShared.delete(key)
    }
  }
}

class MemoryTabs implements TabLocks {
  readonly #turns = new LocalTurns()
  readonly #sessions: MemorySessions
  readonly #records: MemoryRecords
  readonly #marks: MemoryMarks

  constructor(sessions: MemorySessions, records: MemoryRecords, marks: MemoryMarks) {
    this.#sessions = sessions
    this.#records = records
    this.#marks = marks
  }

  async enter(tab: TabName, signal: CallerSignal): Promise<TabLock> {
    const end = await this.#turns.take(keys.tab(tab), signal)
    const session = this.#sessions.ofTab(tab)
    const endedAt = this.#marks.latestOf(endingKeysOfTab(tab))
    return { session, hasRecord: this.#records.has(tab), endedAt, isLost: false, leave: async () => end() }
  }
}

interface Kept {
  readonly taken: TakenRecord
  readonly unique: readonly string[]
}

class MemoryRecords implements Records {
  readonly #clock: Clock
  readonly #epoch: number
  /** The oldest first. */
  readonly #records = new Map<string, Kept>()
  readonly #byKey = new Map<string, string>()

  constructor(clock: Clock, epoch: number) {
    this.#clock = clock
    this.#epoch = epoch
  }

  async put(records: readonly SessionRecord[], seconds: number) {
    const writtenAt = this.#now
    for (const record of records) {
      const { id, text } = record
      this.#take(id)
      const kept = { taken: { id, text, writtenAt }, unique: uniqueKeysOf(record) }
      this.#records.set(id, kept)
      for (const key of kept.unique) this.#byKey.set(key, id)
      this.#clock.after(seconds * 1000, () => {
        if (this.#records.get(id) === kept) this.#take(id)
      })
    }
  }

  async take(key: RecordKey) {
    const id = 'id' in key ? key.id : this.#byKey.get(keyOf(key))
    return id === undefined ? undefined : this.#take(id)
  }

  has(tab: TabName): boolean {
    return this.#byKey.has(keys.tab(tab))
  }

  async takeOldest(seconds: number, most: number) {
    const until = this.#now - seconds * 1000
    const found: TakenRecord[] = []
    for (const [id, { taken }] of this.#records) {
      if (found.length === most || taken.writtenAt > until) break
      found.push(taken)
      this.#take(id)
    }
    return found
  }

  get #now(): number {
    return this.#epoch + this.#clock.now()
  }

  #take(id: string): TakenRecord | undefined {
    const kept = this.#records.get(id)
    this.#records.delete(id)
    for (const key of kept?.unique ?? []) if (this.#byKey.get(key) === id) this.#byKey.delete(key)
    return kept?.taken
  }
}

class MemoryMarks implements EndedMarks {
  readonly #clock: Clock
  readonly #members: ReadonlyMap<string, Member>
  /** Each key with the time of the mark. */
  readonly #marks = new Map<string, { readonly at: number }>()

  constructor(clock: Clock, members: ReadonlyMap<string, Member>) {
    this.#clock = clock
    this.#members = members
  }

  async mark(ending: Ending, seconds: number) {
    const key = endingKey(ending)
    const at = 'at' in ending ? ending.at : Number.POSITIVE_INFINITY
    const mark = { at: Math.max(at, this.#marks.get(key)?.at ?? at) }
    this.#marks.set(key, mark)
    this.#clock.after(seconds * 1000, () => {
      if (this.#marks.get(key) === mark) this.#marks.delete(key)
    })
  }

  async missed(processes: readonly string[]) {
    for (const name of processes) this.#members.get(name)?.checkEnded()
  }

  async isEnded(session: Parameters<EndedMarks['isEnded']>[0]) {
    return session.openedAt <= this.latestOf(endingKeysOf(session))
  }

  latestOf(keys: readonly string[]): number {
    return Math.max(...keys.map(key => this.#marks.get(key)?.at ?? Number.NEGATIVE_INFINITY))
  }
}
