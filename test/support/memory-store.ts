import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Clock } from '../../src/lib/clock.js'
import { type Limiter, type MakeRate, Rate } from '../../src/lib/limits/rates.js'
import { localTabs } from '../../src/store/local-tabs.js'
import { isOfVisit, pageOf, statesOf } from '../../src/store/session-order.js'
import {
  type EndedMarks,
  type Member,
  type PageWish,
  type ProcessEntry,
  type Records,
  type SealedRecord,
  type SessionEntries,
  type SessionEntry,
  type SessionKey,
  type Store,
  type StoredSession,
  StoreUnavailable,
  type TabKey,
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

interface Stored {
  readonly session: StoredSession
  readonly keys: Set<string>
}

interface Kept {
  readonly taken: TakenRecord
  readonly form: string
  /** Undefined until it is taken. */
  by?: string
  readonly keys: Set<string>
}

interface MemorySessions extends SessionEntries {
  ofTab(tab: TabKey): StoredSession | undefined
  removeAllOf(process: string): void
}

interface MemoryRecords extends Records {
  has(tab: TabKey): boolean
  leaveAllOf(process: string): Promise<void>
}

interface MemoryMarks extends EndedMarks {
  latestOf(keys: readonly string[]): number
}

/** A store of several processes that are one process: that of a test. It is always up. `epoch`: Unix time minus `clock.now()`. */
export function memoryStore(clock: Clock, epoch = Date.now() - clock.now()): Store {
  const members = new Map<string, Member>()
  const rates = new Map<string, Limiter>()
  const rate: MakeRate = (name, most, seconds) => {
    const counted = rates.get(name) ?? new RateLimiterMemory({ points: 1, duration: seconds })
    rates.set(name, counted)
    return new Rate(most, seconds, counted)
  }
  const processes = (): readonly ProcessEntry[] =>
    [...members.values()].map(member => member.entry()).sort((a, b) => (a.name < b.name ? -1 : 1))
  const ended = memoryMarks(clock, members)
  const records = memoryRecords(clock, epoch, members)
  const sessions = memorySessions(records)
  return {
    isUp: true,
    isWhole: true,
    isOverdue: false,
    get processes() {
      return processes()
    },
    sessions,
    tabs: memoryTabs(sessions, records, ended),
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

function memorySessions(records: Records): MemorySessions {
  /** By id. */
  const stored = new Map<string, Stored>()
  const all = () => Array.from(stored.values(), ({ session }) => session)
  const having = (key: string) => [...stored.values()].flatMap(({ session, keys }) => (keys.has(key) ? session : []))
  const find = (key: SessionKey): StoredSession[] => {
    if ('id' in key) return [stored.get(key.id)?.session ?? []].flat()
    const found = having(keyOf(key))
    return 'visit' in key ? found.filter(session => isOfVisit(session, key.visit)) : found
  }
  /** A unique key is that of the newest entry alone. */
  const putOne = (entry: SessionEntry): void => {
    const unique = uniqueKeysOf(entry)
    for (const { keys } of stored.values()) for (const key of unique) keys.delete(key)
    const { secrets: _, ...session } = entry
    stored.delete(entry.id)
    stored.set(entry.id, { session, keys: new Set([...unique, ...sharedKeysOf(entry)]) })
  }
  const candidates = ({ visit, user }: PageWish): StoredSession[] => {
    if (visit === undefined) return user === undefined ? all() : find({ user })
    return find({ visit }).filter(session => user === undefined || session.user === user)
  }
  return {
    async open(entry, most) {
      const isFull = entry.user !== undefined && having(keys.counted('user', entry.user)).length >= most
      if (!isFull) putOne(entry)
      return !isFull
    },
    async put(entries) {
      for (const entry of entries) putOne(entry)
    },
    async change(sessions, process) {
      for (const session of sessions) {
        const known = stored.get(session.id)
        if (known?.session.process === process) stored.set(session.id, { session, keys: known.keys })
      }
    },
    async remove(ids, process) {
      for (const id of ids) if (stored.get(id)?.session.process === process) stored.delete(id)
      await records.forget(ids, process)
    },
    removeAllOf(process) {
      for (const [id, { session }] of stored) if (session.process === process) stored.delete(id)
    },
    find: async key => find(key).sort((a, b) => a.openedAt - b.openedAt),
    ofTab: tab => find({ tab })[0],
    count: async (by, value) => having(keys.counted(by, value)).length,
    page: wish => pageOf(candidates(wish), wish),
    states: scope => statesOf(all(), scope),
  }
}

function memoryTabs(sessions: MemorySessions, records: MemoryRecords, ended: MemoryMarks): TabLocks {
  const tabs = localTabs()
  return {
    async enter(tab, signal) {
      const lock = await tabs.enter(tab, signal)
      const endedAt = ended.latestOf(endingKeysOfTab(tab))
      return { ...lock, session: sessions.ofTab(tab), hasRecord: records.has(tab), endedAt }
    },
  }
}

function memoryRecords(clock: Clock, epoch: number, members: ReadonlyMap<string, Member>): MemoryRecords {
  /** Of live sessions. */
  const live = new Map<string, { record: SealedRecord; process: string; seconds: number }>()
  const lost = new Set<string>()
  /** The oldest first. */
  const records = new Map<string, Kept>()
  const now = () => epoch + clock.now()
  const isLost = (id: string, process: string) => lost.has(`${process} ${id}`)
  const having = (key: string) => [...records.values()].find(({ keys }) => keys.has(key))
  const forget = (kept: Kept | undefined): void => {
    if (kept !== undefined && records.get(kept.taken.id) === kept) records.delete(kept.taken.id)
  }
  const takeKept = (kept: Kept, by: string): TakenRecord => {
    kept.by = by
    clock.after(takenSeconds * 1000, () => forget(kept))
    return kept.taken
  }
  const put = (sealed: readonly SealedRecord[], process: string, seconds: number): void => {
    const writtenAt = now()
    for (const record of sealed) {
      const { id, form, text } = record
      const { by = process } = records.get(id) ?? {}
      if (by !== process || isLost(id, process)) continue
      forget(records.get(id))
      live.delete(id)
      const unique = uniqueKeysOf(record)
      for (const { keys } of records.values()) for (const key of unique) keys.delete(key)
      const kept: Kept = { taken: { id, text, writtenAt }, form, keys: new Set(unique) }
      records.set(id, kept)
      clock.after(seconds * 1000, () => forget(kept))
    }
  }
  const leave = (id: string): void => {
    const { record, process, seconds } = live.get(id)!
    put([record], process, seconds)
    lost.add(`${process} ${id}`)
  }
  return {
    async keep(sealed, process, seconds) {
      for (const record of sealed) if (!isLost(record.id, process)) live.set(record.id, { record, process, seconds })
      return sealed.flatMap(({ id }) => (isLost(id, process) ? id : []))
    },
    async forget(ids, process) {
      for (const id of ids) if (live.get(id)?.process === process) live.delete(id)
    },
    async isOwn(id, process) {
      if (!isLost(id, process) && !members.has(process)) throw new StoreUnavailable('no-answer')
      return !isLost(id, process)
    },
    async leaveAllOf(name) {
      for (const [id, { process }] of [...live]) if (process === name) leave(id)
    },
    async put(sealed, process, seconds) {
      put(sealed, process, seconds)
    },
    async take(key, by, forms) {
      const found = [...live.values()].find(({ record }) =>
        'id' in key ? record.id === key.id : uniqueKeysOf(record).includes(keyOf(key)),
      )
      if (found !== undefined && members.has(found.process)) return { keptBy: found.process }
      if (found !== undefined) leave(found.record.id)
      const kept = 'id' in key ? records.get(key.id) : having(keyOf(key))
      if (kept?.by !== undefined) return { by: kept.by }
      if (kept !== undefined && !forms.includes(kept.form)) return { form: kept.form }
      return kept && takeKept(kept, by)
    },
    has: tab => having(keys.tab(tab)) !== undefined,
    async takeOldest(seconds, most, by, form) {
      const until = now() - seconds * 1000
      const found: TakenRecord[] = []
      for (const kept of records.values()) {
        if (found.length === most || kept.taken.writtenAt > until) break
        if (kept.by === undefined && kept.form === form) found.push(takeKept(kept, by))
      }
      return found
    },
  }
}

function memoryMarks(clock: Clock, members: ReadonlyMap<string, Member>): MemoryMarks {
  /** Each key with the time of the mark. */
  const marks = new Map<string, { readonly at: number }>()
  const latestOf = (keys: readonly string[]) =>
    Math.max(...keys.map(key => marks.get(key)?.at ?? Number.NEGATIVE_INFINITY))
  return {
    async mark(ending, seconds) {
      const key = endingKey(ending)
      const at = 'at' in ending ? ending.at : Number.POSITIVE_INFINITY
      const mark = { at: Math.max(at, marks.get(key)?.at ?? at) }
      marks.set(key, mark)
      clock.after(seconds * 1000, () => {
        if (marks.get(key) === mark) marks.delete(key)
      })
    },
    async missed(processes) {
      for (const name of processes) members.get(name)?.checkEnded()
    },
    isEnded: async session => session.openedAt <= latestOf(endingKeysOf(session)),
    latestOf,
  }
}
