import type { KeyObject } from 'node:crypto'
import type { Logger } from 'pino'
import { batches } from '../../lib/batches.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { traceOf } from '../../lib/log.js'
import type { Phase } from '../../lib/phase.js'
import { fingerprintOf } from '../../lib/secrets/seal-keys.js'
import { openText, textSealer } from '../../lib/secrets/sealed-text.js'
import {
  type EndedMarks,
  type KeptBy,
  type OtherForm,
  type RecordKey,
  type SealedRecord,
  type Store,
  StoreUnavailable,
  type TakenRecord,
} from '../../store/store.js'
import { userOf } from '../../xmpp/jid/jid.js'
import { recordVersion, type SessionRecord } from '../session-record.js'
import { Ticket } from '../ticket.js'
import { notContinued, takeUp } from './moving-sessions.js'

const recordsAtOnce = 100
const sweepMilliseconds = 1_000
/** Until then, requests of pages decide which process takes a session up. */
const unwantedSeconds = 1
const mostOfSweep = 500

const label = `session ${recordVersion}`

interface StoredRecordsParts {
  /** This process. */
  readonly self: string
  readonly store: Pick<Store, 'records' | 'ended'>
  readonly keys: () => readonly KeyObject[]
  readonly clock: Clock
  /** In seconds. A longer outage is counted as this long. */
  readonly seconds: number
  readonly phase: Phase
  readonly take: (record: SessionRecord) => boolean
  readonly end: (id: string) => void
  readonly log: Logger
}

/** Sessions that were set down, in the store. Any process takes them up. */
export class StoredRecords {
  readonly #parts: StoredRecordsParts
  #timer: Timer | undefined
  /** Sessions whose records this process has taken, and which it does not have yet. */
  #arriving: Promise<unknown> = Promise.resolve()
  /** With those whose records the store is still asked for. */
  #underWay: Promise<unknown> = Promise.resolve()
  /** That the log has mentioned. */
  readonly #otherForms = new Set<string>()
  /** Since the last line in the log. */
  #counts = { taken: 0, refused: 0 }

  constructor(parts: StoredRecordsParts) {
    this.#parts = parts
  }

  /** Resolves with the records that could not be stored. Each batch is stored before the next is read. */
  async put(records: Iterable<string>): Promise<readonly string[]> {
    const { store, self, keys, seconds } = this.#parts
    const sealed = recordSealer(keys)
    const rest = batches(records, recordsAtOnce)
    for (const batch of rest) {
      try {
        await store.records.put(
          batch.map(text => sealed(JSON.parse(text) as SessionRecord, text)),
          self,
          seconds,
        )
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
        return [...batch, ...[...rest].flat()]
      }
    }
    return []
  }

  /**
   * Resolves with the process that has taken the session up, now or just before. If that is this process, it has the
   * session then, unless the session has ended meanwhile. A process that reads another form takes its sessions up after
   * a second. Rejects with `StoreUnavailable`.
   */
  takeUp(key: RecordKey): Promise<string | KeptBy | OtherForm | undefined> {
    return this.#during(this.#takeUpBy(key))
  }

  /** At a stop: resolves when this process has all sessions whose records it has taken. It takes no more. */
  async settled(): Promise<void> {
    await this.#underWay
  }

  async #takeUpBy(key: RecordKey): Promise<string | KeptBy | OtherForm | undefined> {
    const { store, self, phase } = this.#parts
    if (!phase.isServing) return undefined
    const taken = await store.records.take(key, self, this.#forms)
    if (taken === undefined) return undefined
    if ('form' in taken) return this.#noted(taken)
    if ('keptBy' in taken) return taken.keptBy === self ? undefined : taken
    if (!('by' in taken)) return (await this.#arrives(this.#takeUp([taken]))) > 0 ? self : undefined
    if (taken.by === self) await this.#arriving
    return taken.by
  }

  get #forms(): readonly string[] {
    return this.#parts.keys().map(formOf)
  }

  /** Processes that read it take up all such sessions, so one line is enough. */
  #noted(other: OtherForm): OtherForm {
    if (!this.#otherForms.has(other.form))
      this.#parts.log.warn(
        { form: other.form, readable: this.#forms },
        'stored sessions have another version, or a key that is not in SEAL_KEY_FILE: without a process that reads them, they end',
      )
    this.#otherForms.add(other.form)
    return other
  }

  /**
   * Ends a session that was set down, and whose end is marked in the store. Resolves with false if there is none. Rejects
   * with `StoreUnavailable`.
   */
  async end(id: string): Promise<boolean> {
    const { store, self, phase } = this.#parts
    const taken = await store.records.take({ id }, self, this.#forms)
    // Another process that has taken it up, or takes it up, reads the mark.
    if (taken === undefined || !('text' in taken)) return taken !== undefined && !('by' in taken && taken.by === self)
    if (phase.isServing) await this.#arrives(this.#takeUp([taken]))
    return true
  }

  /** Takes up sessions whose pages are silent, because their links must be mended in time. */
  begin(): void {
    this.#timer = this.#parts.clock.after(sweepMilliseconds, () => {
      void this.#during(this.#sweep()).finally(() => {
        if (this.#timer !== undefined) this.begin()
      })
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arrives<T>(work: Promise<T>): Promise<T> {
    this.#arriving = both(this.#arriving, work)
    return work
  }

  #during<T>(work: Promise<T>): Promise<T> {
    this.#underWay = both(this.#underWay, work)
    return work
  }

  async #sweep(): Promise<void> {
    const { store, self, phase, log } = this.#parts
    if (!phase.isServing) return
    try {
      for (const form of this.#forms) {
        const taken = await store.records.takeOldest(unwantedSeconds, mostOfSweep, self, form)
        if (taken.length > 0) await this.#arrives(this.#takeUp(taken))
      }
      const counts = this.#counts
      if (counts.taken + counts.refused === 0) return
      this.#counts = { taken: 0, refused: 0 }
      log.info(counts, 'sessions of another process were taken up')
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) log.error(traceOf(error), 'sessions could not be taken up')
    }
  }

  async #takeUp(records: readonly TakenRecord[]): Promise<number> {
    const { seconds, take, log, end } = this.#parts
    const live = await Promise.all(records.map(record => this.#opened(record)))
    const report = notContinued(log)
    const taken = live.flatMap(opened => {
      if (opened === undefined) return []
      const { text, writtenAt, session, isEnded } = opened
      const outage = Math.min(Math.max(0, Date.now() - writtenAt), seconds * 1000)
      if (!takeUp(text, outage, take, report)) return []
      if (!isEnded) return [session]
      // It is taken up only so that its portal gets the event.
      end(session.id)
      return []
    })
    // An end that came after the first look has not found the session in any process.
    const areEnded = await Promise.all(taken.map(session => this.#isEnded(session)))
    for (const [index, { id }] of taken.entries()) if (areEnded[index]) end(id)
    this.#counts.taken += taken.length
    this.#counts.refused += records.length - taken.length
    return taken.length
  }

  /** If the store is lost meanwhile, the marks are read when it is back. */
  #isEnded(session: Parameters<EndedMarks['isEnded']>[0]): Promise<boolean> {
    return this.#parts.store.ended.isEnded(session).catch(() => false)
  }

  /** Undefined if no key opens the record. */
  async #opened({ id, text, writtenAt }: TakenRecord) {
    const { keys, log } = this.#parts
    const opened = openText(keys(), { label, owner: id }, text)?.toString()
    if (opened === undefined) {
      log.warn({ session: id }, 'no key in SEAL_KEY_FILE opens a session of another process: it ends')
      return undefined
    }
    const { jid, tab, createdAt } = JSON.parse(opened) as SessionRecord
    const session = { id, jid, user: userOf(jid), tab, openedAt: writtenAt + createdAt }
    return { text: opened, writtenAt, session, isEnded: await this.#isEnded(session) }
  }
}

/** Resolves with nothing: the results would keep those of all earlier work in memory. */
const both = (earlier: Promise<unknown>, work: Promise<unknown>) => Promise.allSettled([earlier, work]).then(() => {})

export const formOf = (key: KeyObject) => `${recordVersion}-${fingerprintOf(key).slice(0, 12)}`

/** For the records of a batch. `text`: the record as JSON. */
export function recordSealer(keys: () => readonly KeyObject[]) {
  let newest: ReturnType<typeof sealingWith> | undefined
  return ({ id, sid, tab, wait }: SessionRecord, text: string): SealedRecord => {
    newest ??= sealingWith(keys()[0]!)
    const secrets = wait?.ticket === undefined ? [sid] : [sid, Ticket.of(wait.ticket, 0).key]
    return { id, secrets, tab, form: newest.form, text: newest.sealed(id, Buffer.from(text)) }
  }
}

const sealingWith = (key: KeyObject) => ({ form: formOf(key), sealed: textSealer(key, label) })
