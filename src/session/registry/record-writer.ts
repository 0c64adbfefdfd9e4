import { hash, type KeyObject } from 'node:crypto'
import { batches } from '../../lib/batches.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { type SealedRecord, type Store, StoreUnavailable } from '../../store/store.js'
import type { LinkRecord } from '../link/managed-link.js'
import type { Session } from '../session.js'
import { keptRecordOf, type SessionRecord } from '../session-record.js'
import { recordSealer } from './stored-records.js'

/** Between two looks at what has changed. */
const lookMilliseconds = 250
const recordsAtOnce = 50
const charactersAtOnce = 256 * 1024
/** Between a change and its record, and so between two records of a session. */
const pauseMilliseconds = 1_000
/** Characters of stanzas that are stored each second. With more, records of their session are stored less often. */
const charactersPerSecond = 32 * 1024
/** So many characters of confirmed stanzas may stay in a record for a while. */
const smallStanzas = 4 * 1024
const confirmationMilliseconds = 10_000
/** Characters of stanzas. Of a session with more, no record is kept: it ends with its process. */
const largestRecord = 1024 * 1024
/** Servers and pages wait for confirmations until a record is stored, unless the store takes none for this time. */
const longestWait = 30_000

interface Kept {
  /** Hash of what a record must tell soon, with times that do not depend on when it was made. */
  content: string
  /** Number of stanzas in the record that the server had not confirmed. */
  unconfirmed: number
  /** When it was seen that the server has confirmed some of these. */
  confirmedSince?: number
  isStored: boolean
  /** The store has this record, or an earlier one. */
  hasAny: boolean
}

interface Due {
  readonly session: Session
  readonly record: SealedRecord
  readonly link: StoredLink
}

/** What a record says about a link, for `LinkCounts` and `OwnReplies`. */
type StoredLink = Pick<LinkRecord, 'received' | 'replies'>

interface RecordWriterParts {
  /** This process. */
  readonly self: string
  readonly store: Pick<Store, 'records' | 'isUp' | 'isOverdue' | 'processes'>
  readonly keys: () => readonly KeyObject[]
  readonly clock: Clock
  /** How long a record can be taken after the death of this process. */
  readonly seconds: number
  readonly report: (error: unknown) => void
}

/**
 * Stores records of live sessions, from which another process continues them if this one dies. What a record covers is
 * confirmed to the server and to pages only after it is stored.
 */
export class RecordWriter {
  readonly #parts: RecordWriterParts
  /** With the time of the first change since the last record, or later if only a confirmation is not in it. */
  readonly #changed = new Map<Session, number>()
  readonly #kept = new WeakMap<Session, Kept>()
  #timer: Timer | undefined
  #isStoring = false
  /** The next look is at once, or after the records that are being stored. */
  #isHurried = false
  #awaySince: number | undefined

  constructor(parts: RecordWriterParts) {
    this.#parts = parts
  }

  /** Its state may have changed. A first record is stored at once. */
  touched(session: Session): void {
    const now = this.#parts.clock.now()
    if ((this.#changed.get(session) ?? never) > now) this.#changed.set(session, now)
    if (!this.#kept.has(session) && session.maySetDown) this.#hurry()
    else this.#later()
  }

  /** Its page waits for the record. */
  keepNow(session: Session): void {
    this.#changed.set(session, longAgo)
    this.#hurry()
  }

  /** The store may have lost the record. */
  keepAgain(session: Session): void {
    const kept = this.#kept.get(session)
    if (kept !== undefined) {
      kept.isStored = false
      kept.hasAny = false
    }
    this.touched(session)
  }

  #later(): void {
    this.#timer ??= this.#parts.clock.after(lookMilliseconds, this.#look)
  }

  #hurry(): void {
    if (this.#isHurried) return
    this.#isHurried = true
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.after(0, this.#look)
  }

  /** The store forgets the record with the entry of the session. If it is set down, it gets the last record. */
  removed(session: Session): void {
    this.#changed.delete(session)
    this.#kept.delete(session)
  }

  /** Another process can continue the session if this one ends without a word. */
  hasRecord(session: Session): boolean {
    return this.#kept.get(session)?.hasAny === true
  }

  /** Another process may have the session, because this one did nothing for seconds. */
  mayBeTaken(session: Session): boolean {
    return this.#parts.store.isOverdue && this.writesRecords(session)
  }

  /** A record of the session is stored, or is being stored. */
  writesRecords(session: Session): boolean {
    return this.#kept.has(session)
  }

  /**
   * To be asked before its link is mended: this process must not take the stream from one that has the session now.
   * Resolves with false if it does not have the session. Undefined if no other process can have it. Rejects with
   * `StoreUnavailable`.
   */
  isOwn(session: Session): Promise<boolean> | undefined {
    const { store, self } = this.#parts
    const isAlone = store.processes.length <= 1
    return isAlone || !this.#kept.has(session) ? undefined : store.records.isOwn(session.id, self)
  }

  readonly #look = (): void => {
    this.#timer = undefined
    const { store, clock } = this.#parts
    if (!store.isUp) this.#awaySince ??= clock.now()
    if (this.#awaySince !== undefined && clock.now() - this.#awaySince >= longestWait) this.#waitNoLonger()
    if (store.isUp && !this.#isStoring) {
      this.#isHurried = false
      void this.#store()
    }
    if (this.#changed.size > 0) this.#later()
    else {
      this.#isHurried = false
      if (!this.#isStoring) this.#awaySince = undefined
    }
  }

  /** Each batch is stored before the next is made, so that other work is not delayed. */
  async #store(): Promise<void> {
    this.#isStoring = true
    try {
      const all = batches(this.#due(), recordsAtOnce, charactersAtOnce, ({ record }) => record.text.length)
      let isStored = true
      for (const batch of all) {
        isStored = await this.#storeAll(batch)
        if (!isStored) break
      }
      // Also if no record was due: nothing waits any more since then.
      if (isStored) this.#awaySince = undefined
    } catch (error) {
      this.#parts.report(error)
    } finally {
      this.#isStoring = false
    }
    if (!this.#isHurried) return
    this.#timer?.cancel()
    this.#look()
  }

  async #storeAll(due: readonly Due[]): Promise<boolean> {
    const { store, self, seconds, clock, report } = this.#parts
    const records = due.map(({ record }) => record)
    try {
      const lost = new Set(await store.records.keep(records, self, seconds))
      this.#awaySince = undefined
      for (const { session, link } of due) {
        if (lost.has(session.id)) session.run(() => session.cede())
        else this.#stored(session, link)
      }
      return true
    } catch (error) {
      this.#awaySince ??= clock.now()
      for (const { session } of due) if (!session.isRemoved) this.#changed.set(session, longAgo)
      this.#later()
      if (!(error instanceof StoreUnavailable)) report(error)
      return false
    }
  }

  *#due(): Iterable<Due> {
    const now = this.#parts.clock.now()
    const seal = recordSealer(this.#parts.keys)
    for (const [session, since] of this.#changed) {
      if (this.#kept.has(session) && now - since < pauseOf(session)) continue
      this.#changed.delete(session)
      let due: Due | undefined
      try {
        due = this.#dueOf(session, now, seal)
      } catch (error) {
        session.fail(error)
      }
      if (due !== undefined) yield due
    }
  }

  #dueOf(session: Session, now: number, seal: ReturnType<typeof recordSealer>): Due | undefined {
    if (sizeOf(session) > largestRecord) {
      this.#kept.set(session, { content: '', unconfirmed: 0, isStored: false, hasAny: false })
      this.#forget(session)
      this.#tell(session)
      return undefined
    }
    const before = this.#kept.get(session)
    const lasting = keptRecordOf(session, 0)
    if (lasting === undefined) {
      if (this.#kept.delete(session)) {
        this.#forget(session)
        this.#tell(session)
      }
      return undefined
    }
    const content = contentOf(lasting, sizeOf(session))
    const unconfirmed = lasting.link.unconfirmed.length
    if (before?.isStored === true && before.content === content && !this.#isLate(session, before, unconfirmed, now))
      return undefined
    const record = keptRecordOf(session, now)!
    const sealed = seal(record, JSON.stringify(record))
    this.#kept.set(session, { content, unconfirmed, isStored: false, hasAny: before?.hasAny === true })
    if (before === undefined) session.uplink.managed?.counts.keptUpTo(record.link.received)
    return { session, record: sealed, link: record.link }
  }

  /** A record has had stanzas for long that the server has confirmed. If its stream were lost, their page would get errors. */
  #isLate(session: Session, kept: Kept, unconfirmed: number, now: number): boolean {
    if (kept.unconfirmed <= unconfirmed) return false
    kept.confirmedSince ??= now
    const isLate = now - kept.confirmedSince >= confirmationMilliseconds
    if (!isLate) this.#changed.set(session, kept.confirmedSince + confirmationMilliseconds - pauseMilliseconds)
    return isLate
  }

  #stored(session: Session, link: StoredLink): void {
    const kept = this.#kept.get(session)
    if (kept === undefined) return
    kept.isStored = true
    kept.hasAny = true
    this.#tell(session, link)
  }

  #waitNoLonger(): void {
    for (const session of this.#changed.keys()) {
      const kept = this.#kept.get(session)
      // What is confirmed now is in no record.
      if (kept !== undefined) kept.hasAny = false
      this.#tell(session)
    }
  }

  /** Without `link`, no record is waited for. */
  #tell(session: Session, link?: StoredLink): void {
    const { client, uplink } = session
    uplink.managed?.counts.keptUpTo(link?.received ?? Number.POSITIVE_INFINITY)
    uplink.managed?.replies.kept(link?.replies)
    // Each `run` asks for another look at the session.
    if (client?.onKept !== undefined) session.run(() => client.onKept!(link !== undefined))
  }

  #forget({ id }: Session): void {
    const { store, self, report } = this.#parts
    store.records.forget([id], self).catch(error => {
      if (!(error instanceof StoreUnavailable)) report(error)
    })
  }
}

const longAgo = Number.NEGATIVE_INFINITY
const never = Number.POSITIVE_INFINITY

/** A confirmation of small stanzas changes nothing: they stay in the record, and `<resumed/>` says that the server has them. */
function contentOf({ link, ...rest }: SessionRecord, characters: number): string {
  const { confirmed, unconfirmed, ...others } = link
  const about = [rest, others, confirmed + unconfirmed.length, Math.floor(characters / smallStanzas)]
  return hash('sha1', JSON.stringify(about), 'base64')
}

const sizeOf = ({ uplink }: Session) => uplink.managed?.counts.recordSize ?? 0

const pauseOf = (session: Session) => Math.max(pauseMilliseconds, (1_000 * sizeOf(session)) / charactersPerSecond)
