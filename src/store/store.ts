// What several processes of the service share, in `redis/`. One process needs only `local-tabs.ts`.
import type { CallerSignal } from '../lib/caller-gone.js'
import type { MakeRate } from '../lib/limits/rates.js'

/**
 * All calls reject with `StoreUnavailable` within about a second if the store does not answer, refuses the password or
 * is full. Rates then count in this process alone. A full store still removes sessions and forgets records. Times are
 * Unix times in milliseconds.
 */
export interface Store {
  /** False from a call that the store does not answer until it answers again. All entries are then back within 5 s. */
  readonly isUp: boolean
  /** False while the store is down, and for 5 s after that: entries of other processes can be missing. */
  readonly isWhole: boolean
  /**
   * True if this process did nothing for so long that others may have taken its sessions. False again once it has read
   * which, or after 30 s in which the store gave no answer.
   */
  readonly isOverdue: boolean
  /**
   * As last read, at most a second ago while the store is up. Includes this process, and while the store is not whole
   * those from before. In the order of their names.
   */
  readonly processes: readonly ProcessEntry[]
  readonly sessions: SessionEntries
  readonly tabs: TabLocks
  readonly records: Records
  readonly ended: EndedMarks
  readonly rate: MakeRate

  /**
   * Writes the entry of this process and its sessions at once, and then the entry each second. Other calls need it
   * before. Does not reject if the store is away: the entries are written when it is back.
   */
  join(member: Member): Promise<void>
  /** Reads `processes` now. */
  readProcesses(): Promise<readonly ProcessEntry[]>
  /** Removes the entries of the process and of its sessions. */
  leave(name: string): Promise<void>
  /** Ends the connections. The entries of this process expire. */
  close(): Promise<void>
}

export interface StoreEvents {
  /** `cause`: the code of the error, if a connection has failed with a code. */
  onDown(reason: Outage, cause?: string): void
  onUp(): void
}

/** `failed`: an error that should not occur. The store stays up. */
export type Outage = 'no-connection' | 'no-answer' | 'refused' | 'full' | 'read-only' | 'failed'

export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'

  constructor(readonly reason: Outage) {
    super(`the store is unavailable (${reason})`)
  }
}

/** An entry lives for `processSeconds` after it was last written. */
export interface ProcessEntry {
  readonly name: string
  /** Where other processes reach this process. */
  readonly address: string
  /** The machine, for messages to operators. */
  readonly place: string
  readonly version: string
  /** Hashes of settings that must be equal in all processes. */
  readonly settings: Readonly<Record<string, string>>
  readonly isDraining: boolean
}

export const processSeconds = 5

/** A process, as its store asks it. */
export interface Member {
  /** Called each second. The name never changes. */
  entry(): ProcessEntry
  /**
   * All sessions of the process, each from before it is opened until after it is removed. Called if the store may have
   * lost them: they are then written again, and others of this process are removed. Sessions can change meanwhile.
   */
  sessions(): Iterable<SessionEntry>
  /** Called when the process may have missed the end of sessions that it has: it asks for their marks. */
  checkEnded(): void
  /** Other processes have taken these sessions, because the entry of this one had expired. They are told once. */
  lost(ids: readonly string[]): void
  /** Called when the process is no longer overdue. */
  caughtUp(): void
}

export interface TabKey {
  readonly admin: string
  /** A normalised bare JID, or the domain for anonymous users. */
  readonly user: string
  readonly visit: string
  /** Can be empty. */
  readonly tab: string
}

export interface VisitKey {
  readonly admin: string
  readonly visit: string
  /** Undefined: the visit with all its users. */
  readonly user?: string | undefined
}

export interface StoredSession {
  readonly id: string
  /** The process that has the session. */
  readonly process: string
  readonly domain: string
  /** Undefined until a JID is bound. */
  readonly jid?: string | undefined
  /** A normalised bare JID, by which `find` and limits know the session. Can be set before `jid`. */
  readonly user?: string | undefined
  /** The client's address or network, for limits. */
  readonly address?: string | undefined
  readonly origin: 'warmed' | 'client'
  readonly admin?: string | undefined
  /** True if a page opened the session with a token. */
  readonly isPage: boolean
  readonly tab?: TabKey | undefined
  readonly openedAt: number
  readonly state: SessionState
  readonly transport?: 'bosh' | 'websocket' | undefined
  readonly quietSince?: number | undefined
}

/** `elsewhere`: at a remote BOSH endpoint. */
export type SessionState = 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'

export interface SessionEntry extends StoredSession {
  /** Sid and token. They are stored as hashes, and never read back. */
  readonly secrets: readonly string[]
}

export type SessionKey =
  | { readonly id: string }
  | { readonly secret: string }
  | { readonly tab: TabKey }
  | { readonly user: string }
  | { readonly visit: VisitKey }

export type CountedBy = 'user' | 'address'

/** Entries of a process whose own entry has expired disappear within about a second. */
export interface SessionEntries {
  /** Adds the entry. Resolves with false, and adds nothing, if its user has `most` live sessions. */
  open(entry: SessionEntry, most: number): Promise<boolean>
  /** Adds entries without limits, or replaces them, for example after a login, or a move to another process. */
  put(entries: readonly SessionEntry[]): Promise<void>
  /**
   * Replaces what `find` and `page` return, but not the keys by which `find` knows the sessions. Has no effect on
   * sessions that are absent or that another process has.
   */
  change(sessions: readonly StoredSession[], process: string): Promise<void>
  /** Removes their records too. Has no effect on sessions that another process has. */
  remove(ids: readonly string[], process: string): Promise<void>
  /** The oldest session first. A tab and a secret have one session at most: the last that was put. */
  find(key: SessionKey): Promise<readonly StoredSession[]>
  count(by: CountedBy, key: string): Promise<number>
  page(wish: PageWish): Promise<SessionPage>
  states(scope: readonly string[]): Promise<ReadonlyMap<SessionState, number>>
}

export interface PageWish {
  /** Patterns of domains that the reader may see. */
  readonly scope: readonly string[]
  readonly user?: string | undefined
  /** Full JID. */
  readonly jid?: string | undefined
  readonly visit?: VisitKey | undefined
  readonly domain?: string | undefined
  readonly state?: SessionState | undefined
  readonly transport?: StoredSession['transport']
  /** `connect`: warmed sessions that a page opened. */
  readonly origin?: StoredSession['origin'] | 'connect' | undefined
  readonly process?: string | undefined
  /** A part of the JID, or the whole id, in lower case. */
  readonly search?: string | undefined
  readonly limit: number
  /** Only with the order `opened`. Stays valid after its session ends. */
  readonly after?: PagePlace | undefined
  readonly skip?: number | undefined
  /** `opened`: the oldest first. `quiet`: the shortest silence first. */
  readonly by?: 'opened' | 'jid' | 'state' | 'quiet' | undefined
  readonly isReversed?: boolean | undefined
}

export interface PagePlace {
  readonly openedAt: number
  readonly id: string
}

export interface SessionPage {
  readonly sessions: readonly StoredSession[]
  /** Of all pages. */
  readonly total: number
  /** Undefined on the last page, and with an order other than `opened`. */
  readonly next: PagePlace | undefined
}

export interface TabLocks {
  /**
   * Resolves when no other call in any process is in this tab. Calls of one process enter in their order. Rejects with
   * the signal's `reason` if the caller leaves.
   */
  enter(tab: TabKey, signal: CallerSignal): Promise<TabLock>
}

export interface TabLock {
  /** The session that the tab had when the call entered. */
  readonly session: StoredSession | undefined
  /** True if a record of the tab could be taken then, or was taken just before. */
  readonly hasRecord: boolean
  /** The time of the visit's latest end that was marked then. Negative infinity: none. */
  readonly endedAt: number
  /**
   * True if the store lost the lock, or could not renew it for `lockSeconds`: another call can be in the tab. It is not
   * renewed after that.
   */
  readonly isLost: boolean
  /** Never rejects: an unreachable lock expires. */
  release(): Promise<void>
}

/** A lock expires this long after its process was last able to renew it. */
export const lockSeconds = 5

/** A session that its process has set down, or that lives. Any process can take it once: see `put` and `keep`. */
export interface SealedRecord {
  readonly id: string
  readonly secrets: readonly string[]
  readonly tab?: TabKey | undefined
  /** Version and key of the text: not all processes on this store read all forms, for example in a rolling upgrade. */
  readonly form: string
  /** Sealed by the caller. */
  readonly text: string
}

export interface TakenRecord {
  readonly id: string
  readonly text: string
  /** When it was put, by the store's clock. */
  readonly writtenAt: number
}

/** How long others are told which process took a record: longer than its sessions need to be in the store. */
export const takenSeconds = 5

/** The process that took the record: it has the session, or takes it up. */
interface TakenBy {
  readonly by: string
}

/** The session lives in this process, whose entry has not expired. If it is dead, its record can be taken soon. */
export interface KeptBy {
  readonly keptBy: string
}

/** The caller does not read this form. The record stays in the store. */
export interface OtherForm {
  readonly form: string
}

export type RecordKey = { readonly id: string } | { readonly secret: string } | { readonly tab: TabKey }

export interface Records {
  /** The records expire after `seconds`. None is written for a session that another process has taken from `process`. */
  put(records: readonly SealedRecord[], process: string, seconds: number): Promise<void>
  /**
   * Of all calls in all processes, one gets the record. For `takenSeconds`, others are told which process got it. The
   * record of a live session can be taken when the entry of its process has expired.
   */
  take(
    key: RecordKey,
    by: string,
    forms: readonly string[],
  ): Promise<TakenRecord | TakenBy | KeptBy | OtherForm | undefined>
  /** Takes records of `form` that nobody took for `seconds`, the oldest first, `most` at once. */
  takeOldest(seconds: number, most: number, by: string, form: string): Promise<readonly TakenRecord[]>
  /**
   * Keeps records of live sessions, for the case that their process dies: within a second or two after its entry has
   * expired, they can be taken, and expire `seconds` later. Resolves with the ids of sessions that another process has
   * taken.
   */
  keep(records: readonly SealedRecord[], process: string, seconds: number): Promise<readonly string[]>
  /** The sessions have ended, or can no longer be continued. */
  forget(ids: readonly string[], process: string): Promise<void>
  /** False if another process has taken the session. Rejects with `StoreUnavailable` also if one could take it now. */
  isOwn(id: string, process: string): Promise<boolean>
}

/** A process that was away for longer does not learn which of its sessions others have taken. */
export const lostSeconds = 86_400

/** `jid` is bare and normalised, or full. With `jid` and `visit`, sessions opened later are not meant. */
export type Ending =
  | { readonly id: string }
  | { readonly jid: string; readonly at: number }
  | { readonly visit: VisitKey; readonly at: number }

/** Marks of sessions that must not come back, wherever they are now. */
export interface EndedMarks {
  /** Marks live for `seconds`: as long as records. */
  mark(ending: Ending, seconds: number): Promise<void>
  /** The processes could not be told of a mark: they check their sessions within a second, or when they are back. */
  missed(processes: readonly string[]): Promise<void>
  /** To be asked whenever a session appears again. */
  isEnded(session: Pick<StoredSession, 'id' | 'user' | 'jid' | 'tab' | 'openedAt'>): Promise<boolean>
}
