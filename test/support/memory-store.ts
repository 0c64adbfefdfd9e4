import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { CallerSignal } from '../../src/lib/caller-gone.js'
import type { Clock } from '../../src/lib/clock.js'
import { KeyedQueue } from '../../src/lib/limits/keyed-queue.js'
import { type Limiter, type MakeRate, Rate } from '../../src/lib/limits/rates.js'
import { isOfVisit, pageOf, statesOf } from '../../src/store/session-page.js'
import {
  type CountedBy,
  type EndedMarks,
  type Ending,
  type Member,
  type PageWish,
  type ProcessEntry,
  type RecordKey,
  type Records,
  type SealedRecord,
  type SessionEntries,
  type SessionEntry,
  type SessionKey,
  type Store,
  type StoredSession,
  StoreUnavailable,
  type TabKey,
  type TabLock,
  type TabLocks,
  type TakenRecord,
  takenSeconds,
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
  const records = new MemoryRecords(clock, epoch, members)
  const ended = new MemoryMarks(clock, members)
  sessions.onRemove = (ids, process) => records.forget(ids, process)
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
      await records.leaveAllOf(name)
      sessions.removeAllOf(name)
    },
    async close() {},
  }
}

interface Stored {
  readonly session: StoredSession
  readonly keys: Set<string>
}

class MemorySessions implements SessionEntries {
  /** By id. */
  readonly #stored = new Map<string, Stored>()
  onRemove: Records['forget'] = async () => {}

  async open(entry: SessionEntry, most: number) {
    const isFull = entry.user !== undefined && this.#having(keys.counted('user', entry.user)).length >= most
    if (!isFull) this.#put(entry)
    return !isFull
  }

  async put(entries: readonly SessionEntry[]) {
    for (const entry of entries) this.#put(entry)
  }

  async change(sessions: readonly StoredSession[], process: string) {
    for (const session of sessions) {
      const known = this.#stored.get(session.id)
      if (known?.session.process === process) this.#stored.set(session.id, { session, keys: known.keys })
    }
  }

  async remove(ids: readonly string[], process: string) {
    for (const id of ids) if (this.#stored.get(id)?.session.process === process) this.#stored.delete(id)
    await this.onRemove(ids, process)
  }

  removeAllOf(process: string): void {
    for (const [id, { session }] of this.#stored) if (session.process === process) this.#stored.delete(id)
  }

  async find(key: SessionKey) {
    return this.#find(key).sort((a, b) => a.openedAt - b.openedAt)
  }

  ofTab(tab: TabKey): StoredSession | undefined {
    return this.#find({ tab })[0]
  }

  async count(by: CountedBy, value: string) {
    return this.#having(keys.counted(by, value)).length
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

  #all(): StoredSession[] {
    return Array.from(this.#stored.values(), ({ session }) => session)
  }

  #having(key: string): StoredSession[] {
    return Array.from(this.#stored.values()).flatMap(({ session, keys }) => (keys.has(key) ? session : []))
  }

  #find(key: SessionKey): StoredSession[] {
    if ('id' in key) return [this.#stored.get(key.id)?.session ?? []].flat()
    const found = this.#having(keyOf(key))
    return 'visit' in key ? found.filter(session => isOfVisit(session, key.visit)) : found
  }

  /** A unique key is that of the newest entry alone. */
  #put(entry: SessionEntry): void {
    const unique = uniqueKeysOf(entry)
    for (const { keys } of this.#stored.values()) for (const key of unique) keys.delete(key)
    const { secrets: _, ...session } = entry
    this.#stored.delete(entry.id)
    this.#stored.set(entry.id, { session, keys: new Set([...unique, ...sharedKeysOf(entry)]) })
  }
}

class MemoryTabs implements TabLocks {
  readonly #turns = new KeyedQueue(1)
  readonly #sessions: MemorySessions
  readonly #records: MemoryRecords
  readonly #marks: MemoryMarks

  constructor(sessions: MemorySessions, records: MemoryRecords, marks: MemoryMarks) {
    this.#sessions = sessions
    this.#records = records
    this.#marks = marks
  }

  async enter(tab: TabKey, signal: CallerSignal): Promise<TabLock> {
    const key = keys.tab(tab)
    await this.#turns.take(key, signal)
    const session = this.#sessions.ofTab(tab)
    const endedAt = this.#marks.latestOf(endingKeysOfTab(tab))
    return {
      session,
      hasRecord: this.#records.has(tab),
      endedAt,
      isLost: false,
      release: async () => this.#turns.leave(key),
    }
  }
}

interface Kept {
  readonly taken: TakenRecord
  readonly form: string
  /** Undefined until it is taken. */
  by?: string
  readonly keys: Set<string>
}

class MemoryRecords implements Records {
  readonly #clock: Clock
  readonly #epoch: number
  readonly #members: ReadonlyMap<string, Member>
  /** Of live sessions. */
  readonly #live = new Map<string, { record: SealedRecord; process: string; seconds: number }>()
  readonly #lost = new Set<string>()
  /** The oldest first. */
  readonly #records = new Map<string, Kept>()

  constructor(clock: Clock, epoch: number, members: ReadonlyMap<string, Member>) {
    this.#clock = clock
    this.#epoch = epoch
    this.#members = members
  }

  async keep(records: readonly SealedRecord[], process: string, seconds: number) {
    const isLost = ({ id }: SealedRecord) => this.#lost.has(`${process} ${id}`)
    for (const record of records) if (!isLost(record)) this.#live.set(record.id, { record, process, seconds })
    return records.filter(isLost).map(({ id }) => id)
  }

  async forget(ids: readonly string[], process: string) {
    for (const id of ids) if (this.#live.get(id)?.process === process) this.#live.delete(id)
  }

  async isOwn(id: string, process: string) {
    const isLost = this.#lost.has(`${process} ${id}`)
    if (!isLost && !this.#members.has(process)) throw new StoreUnavailable('no-answer')
    return !isLost
  }

  async leaveAllOf(process: string): Promise<void> {
    for (const [id, live] of [...this.#live]) if (live.process === process) await this.#leave(id)
  }

  async #leave(id: string): Promise<void> {
    const { record, process, seconds } = this.#live.get(id)!
    await this.put([record], process, seconds)
    this.#lost.add(`${process} ${id}`)
  }

  async put(records: readonly SealedRecord[], process: string, seconds: number) {
    const writtenAt = this.#now
    for (const record of records) {
      const { id, form, text } = record
      const { by = process } = this.#records.get(id) ?? {}
      if (by !== process || this.#lost.has(`${process} ${id}`)) continue
      this.#forget(this.#records.get(id))
      this.#live.delete(id)
      const unique = uniqueKeysOf(record)
      for (const { keys } of this.#records.values()) for (const key of unique) keys.delete(key)
      const kept: Kept = { taken: { id, text, writtenAt }, form, keys: new Set(unique) }
      this.#records.set(id, kept)
      this.#clock.after(seconds * 1000, () => this.#forget(kept))
    }
  }

  async take(key: RecordKey, by: string, forms?: readonly string[]) {
    const live = [...this.#live.values()].find(({ record }) =>
      'id' in key ? record.id === key.id : uniqueKeysOf(record).includes(keyOf(key)),
    )
    if (live !== undefined && this.#members.has(live.process)) return { keptBy: live.process }
    if (live !== undefined) await this.#leave(live.record.id)
    const kept = 'id' in key ? this.#records.get(key.id) : this.#having(keyOf(key))
    if (kept?.by !== undefined) return { by: kept.by }
    if (kept !== undefined && forms?.includes(kept.form) === false) return { form: kept.form }
    return kept && this.#take(kept, by)
  }

  has(tab: TabKey): boolean {
    return this.#having(keys.tab(tab)) !== undefined
  }

  #having(key: string): Kept | undefined {
    return [...this.#records.values()].find(({ keys }) => keys.has(key))
  }

  async takeOldest(seconds: number, most: number, by: string, form: string) {
    const until = this.#now - seconds * 1000
    const found: TakenRecord[] = []
    for (const kept of this.#records.values()) {
      if (found.length === most || kept.taken.writtenAt > until) break
      if (kept.by === undefined && kept.form === form) found.push(this.#take(kept, by))
    }
    return found
  }

  get #now(): number {
    return this.#epoch + this.#clock.now()
  }

  #take(kept: Kept, by: string): TakenRecord {
    kept.by = by
    this.#clock.after(takenSeconds * 1000, () => this.#forget(kept))
    return kept.taken
  }

  #forget(kept: Kept | undefined): void {
    if (kept !== undefined && this.#records.get(kept.taken.id) === kept) this.#records.delete(kept.taken.id)
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
