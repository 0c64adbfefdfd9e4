import { type SessionEntry, type Store, type StoredSession, StoreUnavailable } from '../../store/store.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Session } from '../session.js'
import type { Registry } from './registry.js'

interface SessionBookParts {
  readonly self: string
  readonly store: Pick<Store, 'sessions' | 'ended' | 'isUp'>
  readonly registry: Registry
  /** Sessions at remote endpoints. */
  readonly elsewhere: { list(): Iterable<StoredSession> }
  /** The client whose sessions are counted, if this session is. */
  readonly countedClient: (session: Session) => string | undefined
  readonly report: (error: unknown) => void
}

/** Keeps the entries of this process's sessions in the store up to date. */
export class SessionBook {
  readonly #parts: SessionBookParts
  /** What the store has of each session. */
  readonly #written = new Map<string, string>()
  /** May have another state than in the store. */
  readonly #touched = new Set<Session>()
  readonly #elsewhere = new Set<string>()
  #removed: string[] = []
  /** Whose marks were read before they had a JID. */
  readonly #unsure = new WeakSet<Session>()

  constructor(parts: SessionBookParts) {
    this.#parts = parts
  }

  /** Call this each second. */
  tick(): void {
    this.write().catch(this.#failed)
  }

  /** Writes the entry: the session is new, or has a JID, a secret or an end that it did not have before. */
  put(session: Session): void {
    this.#put(this.#entryOf(session))
    if (session.view.jid !== undefined && this.#unsure.delete(session)) this.#endMarked(session).catch(this.#failed)
  }

  touched(session: Session): void {
    this.#touched.add(session)
  }

  /** Sessions that are removed in one turn of the event loop are one call: all users of a server can lose theirs at once. */
  removed({ id }: Pick<Session, 'id'>): void {
    this.#written.delete(id)
    if (this.#removed.push(id) === 1) setImmediate(() => this.writeRemoved())
  }

  /** Does now what would be done at the end of this turn. */
  writeRemoved(): void {
    const ids = this.#removed
    this.#removed = []
    if (ids.length > 0) this.#parts.store.sessions.remove(ids, this.#parts.self).catch(this.#failed)
  }

  /** Writes all states that have changed. Rejects with `StoreUnavailable`. */
  async write(): Promise<void> {
    const { elsewhere, store, self } = this.#parts
    const changed: StoredSession[] = []
    for (const { view } of this.#touched) {
      const before = this.#written.get(view.id)
      const state = stateIn(view)
      if (before === undefined || before === state) continue
      this.#written.set(view.id, state)
      changed.push(view)
    }
    this.#touched.clear()
    const gone = new Set(this.#elsewhere)
    for (const view of elsewhere.list()) {
      if (gone.delete(view.id)) continue
      this.#elsewhere.add(view.id)
      this.#put({ ...view, secrets: [] })
    }
    for (const id of gone) {
      this.#elsewhere.delete(id)
      this.removed({ id })
    }
    this.writeRemoved()
    if (changed.length > 0) await store.sessions.change(changed, self)
  }

  /** See `Member`. */
  *sessions(): Iterable<SessionEntry> {
    for (const session of this.#parts.registry.all()) yield this.#entryOf(session)
    for (const view of this.#parts.elsewhere.list()) yield { ...view, secrets: [] }
  }

  /** Other processes have taken none of these sessions: what waits is delivered. Absent pages have their full time again. */
  caughtUp(): void {
    for (const session of [...this.#parts.registry.all()])
      session.run(() => {
        if (!session.hasEnded && session.client?.isPresent === false) session.inactivity.begin(session.now)
        session.flush()
      })
  }

  /** Other processes have taken these sessions. */
  cede(ids: readonly string[]): void {
    for (const id of ids) this.#parts.registry.byId(id)?.cede()
  }

  /** Ends sessions that were ended while this process was silent. The store may have lost the records of the others. */
  async endMarked(): Promise<void> {
    const { registry } = this.#parts
    for (const session of registry.all()) registry.kept?.keepAgain(session)
    for (const session of [...registry.all()]) {
      if (session.stage.name === 'opening') this.#unsure.add(session)
      await this.#endMarked(session)
    }
  }

  async #endMarked(session: Session): Promise<void> {
    if (!session.isRemoved && (await this.#parts.store.ended.isEnded(session.view))) session.end('logout', 'loggedOut')
  }

  #put(entry: SessionEntry): void {
    this.#written.set(entry.id, stateIn(entry))
    this.#parts.store.sessions.put([entry]).catch(this.#failed)
  }

  #entryOf(session: Session): SessionEntry {
    const { sid, view, stage, hasEnded, client } = session
    const loginFor = stage.name === 'opening' ? client?.loginFor : undefined
    return {
      ...view,
      // An ended session no longer counts for its user.
      user: hasEnded ? undefined : (view.user ?? (loginFor && userOf(loginFor))),
      address: this.#parts.countedClient(session),
      secrets: stage.ticket === undefined ? [sid] : [sid, stage.ticket.key],
    }
  }

  /** The store tells its outages itself. All entries are written again when it is back. */
  readonly #failed = (error: unknown): void => {
    if (!(error instanceof StoreUnavailable)) this.#parts.report(error)
  }
}

const stateIn = ({ state, transport, quietSince }: StoredSession) => `${state} ${transport} ${quietSince}`
