import type { Clock, Timer } from '../../lib/clock.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { Phase } from '../../lib/phase.js'
import type { SessionState, StoredSession, TabKey } from '../../store/store.js'
import { keys } from '../../store/store-keys.js'
import { userOf } from '../../xmpp/jid/jid.js'
import { waitingBytes } from '../limits/freeing-memory.js'
import { ResumableStreams } from '../logins/resumable-streams.js'
import type { Session } from '../session.js'
import { stateOf } from '../view.js'
import type { RecordWriter } from './record-writer.js'
import type { SessionBook } from './session-book.js'

const sweepInterval = 250
/** Longest time of a sweep in one turn of the event loop, in milliseconds. */
const longestSweep = 10
/** Bytes of a record, without its stanzas and replies. */
const mostPerRecord = 4096

export class Registry {
  readonly #sessions = new Map<string, Session>()
  /** Safe against timing attacks: a map compares two sids only if their seeded hashes are equal. */
  readonly #bySid = new Map<string, Session>()
  readonly #byUser = new Map<string, Set<Session>>()
  readonly #byTab = new Map<string, Session>()
  readonly #ofDomain = new KeyCounts()
  /** By the keys of their tickets. */
  readonly tickets = new Map<string, Session>()
  readonly streams = new ResumableStreams()
  readonly #clock: Clock
  #sweep: Timer | undefined
  /** Undefined with one process. */
  book: SessionBook | undefined
  /** Undefined if records of live sessions are not stored. */
  kept: RecordWriter | undefined

  constructor(
    clock: Clock,
    readonly phase: Phase,
  ) {
    this.#clock = clock
  }

  get takesSessions(): boolean {
    return !this.phase.has('draining')
  }

  get size(): number {
    return this.#sessions.size
  }

  get immovable(): number {
    return [...this.all()].filter(({ maySetDown }) => !maySetDown).length
  }

  /** True while a server may still make a session resumable. */
  get isEnabling(): boolean {
    return [...this.all()].some(({ uplink, hasEnded }) => !hasEnded && uplink.managed?.isEnabling === true)
  }

  stopDeliveries(): boolean {
    return [...this.all()].filter(({ client }) => client?.stopDeliveries?.() === true).length > 0
  }

  get recordBytes(): number {
    return [...this.all()].reduce((bytes, session) => bytes + mostPerRecord + waitingBytes(session), 0)
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session)
    this.#ofDomain.add(session.domain, 1)
    this.#bySid.set(session.sid, session)
    if (session.tab !== undefined) this.#byTab.set(keys.tab(session.tab), session)
    if (this.#sweep === undefined) this.#scheduleSweep()
    this.changed(session)
  }

  /** The session has a JID, a secret or an end that it did not have before. */
  changed(session: Session): void {
    this.book?.put(session)
  }

  bound(session: Session, jid: string): void {
    const user = userOf(jid)
    const others = this.#byUser.get(user)
    if (others === undefined) this.#byUser.set(user, new Set([session]))
    else others.add(session)
    this.changed(session)
  }

  /** If it is set down, another process continues it, or this one does when it starts again. */
  remove(session: Session, isSetDown: boolean): boolean {
    this.#bySid.delete(session.sid)
    if (session.tab !== undefined && this.ofTab(session.tab) === session) this.#byTab.delete(keys.tab(session.tab))
    if (session.jid !== undefined) {
      const user = userOf(session.jid)
      const found = this.#byUser.get(user)
      if (found?.delete(session) === true && found.size === 0) this.#byUser.delete(user)
    }
    // Until the process leaves, the entry of a session that is set down says where it was: its record is not stored yet.
    if (!(isSetDown && this.phase.has('stopping'))) this.book?.removed(session)
    const isRemoved = this.#sessions.delete(session.id)
    if (isRemoved) this.#ofDomain.add(session.domain, -1)
    return isRemoved
  }

  countOf(domain: string): number {
    return this.#ofDomain.of(domain)
  }

  bySid(sid: string): Session | undefined {
    return this.#bySid.get(sid)
  }

  /** `proof`: of a page's token. The ticket may be expired: check it with `Ticket.admits`. */
  byTicket(proof: Buffer): Session | undefined {
    return this.tickets.get(proof.toString('base64'))
  }

  byId(id: string): Session | undefined {
    return this.#sessions.get(id)
  }

  ofTab(tab: TabKey): Session | undefined {
    return this.#byTab.get(keys.tab(tab))
  }

  all(): Iterable<Session> {
    return this.#sessions.values()
  }

  *list(): Iterable<StoredSession> {
    for (const session of this.#sessions.values()) yield session.view
  }

  ofJid(jid: string): readonly StoredSession[] {
    return Array.from(this.#of(jid), ({ view }) => view)
  }

  liveOf(jid: string): number {
    let count = 0
    for (const { hasEnded } of this.#of(jid)) if (!hasEnded) count += 1
    return count
  }

  states(): Record<SessionState, number> {
    const states = { opening: 0, waiting: 0, held: 0, quiet: 0, paused: 0, ended: 0, elsewhere: 0 }
    for (const session of this.#sessions.values()) states[stateOf(session)] += 1
    return states
  }

  shutDown(): void {
    this.phase.begin('ending')
    for (const session of [...this.#sessions.values()])
      session.end('shutdown', this.phase.movesSessions && session.mayReturn ? 'restarting' : 'afterDelivery')
  }

  endAllSilently(): void {
    for (const session of [...this.#sessions.values()]) session.end('shutdown', 'silent')
  }

  #of(jid: string): Iterable<Session> {
    return this.#byUser.get(userOf(jid)) ?? []
  }

  #scheduleSweep(): void {
    this.#sweep = this.#clock.after(sweepInterval, () => this.#sweepOn(this.#sessions.values()))
  }

  #sweepOn(rest: IterableIterator<Session>): void {
    const now = this.#clock.now()
    for (const session of rest) {
      if (session.deadline > now || this.kept?.mayBeTaken(session) === true) continue
      session.run(() => session.tick())
      if (this.#clock.now() - now < longestSweep) continue
      this.#sweep = this.#clock.after(0, () => this.#sweepOn(rest))
      return
    }
    this.#sweep = undefined
    if (this.#sessions.size > 0) this.#scheduleSweep()
  }
}
