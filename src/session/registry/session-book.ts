import type { Clock, Timer } from '../../lib/clock.js'
import { isOfVisit, pageOf, statesOf } from '../../store/session-page.js'
import {
  type PageWish,
  type SessionEntry,
  type SessionPage,
  type SessionState,
  type Store,
  type StoredSession,
  StoreUnavailable,
} from '../../store/store.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Session } from '../session.js'
import type { SessionView } from '../session-types.js'
import type { Registry } from './registry.js'

const writeMilliseconds = 1_000

interface SessionBookParts {
  readonly self: string
  readonly store: Pick<Store, 'sessions' | 'ended' | 'isUp'>
  readonly registry: Registry
  /** Sessions at remote endpoints. */
  readonly elsewhere: { list(): Iterable<SessionView> }
  /** The client whose sessions are counted, if this session is. */
  readonly countedClient: (session: Session) => string | undefined
  readonly clock: Clock
  /** Unix time minus `clock.now()`. */
  readonly epoch: number
  readonly report: (error: unknown) => void
}

/** Keeps the entries of this process's sessions in the store up to date. */
export class SessionBook {
  readonly #parts: SessionBookParts
  /** What the store has of each session. */
  readonly #written = new Map<string, string>()
  #timer: Timer | undefined

  constructor(parts: SessionBookParts) {
    this.#parts = parts
  }

  begin(): void {
    this.#timer = this.#parts.clock.after(writeMilliseconds, () => {
      this.write().catch(this.#failed)
      this.begin()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Writes the entry: the session is new, or has a JID, a secret or an end that it did not have before. */
  put(session: Session): void {
    this.#put(this.#entryOf(session))
  }

  removed({ id }: Pick<Session, 'id'>): void {
    this.#written.delete(id)
    this.#parts.store.sessions.remove([id], this.#parts.self).catch(this.#failed)
  }

  /** Writes all states that have changed. Rejects with `StoreUnavailable`. */
  async write(): Promise<void> {
    const changed: StoredSession[] = []
    for (const { id, view } of this.#parts.registry.all())
      if (this.#written.has(id) && this.#noteChange(view)) changed.push(this.#storedOf(view))
    const ids = new Set<string>()
    for (const view of this.#parts.elsewhere.list()) {
      ids.add(view.id)
      if (!this.#written.has(view.id)) this.#put({ ...this.#storedOf(view), secrets: [] })
    }
    for (const id of this.#written.keys())
      if (!ids.has(id) && this.#parts.registry.byId(id) === undefined) this.removed({ id })
    if (changed.length > 0) await this.#parts.store.sessions.change(changed, this.#parts.self)
  }

  /** See `Member`. */
  *sessions(): Iterable<SessionEntry> {
    for (const session of this.#parts.registry.all()) yield this.#entryOf(session)
    for (const view of this.#parts.elsewhere.list()) yield { ...this.#storedOf(view), secrets: [] }
  }

  /** The list of this process alone. */
  page(wish: PageWish): Promise<SessionPage> {
    return pageOf(this.#candidates(wish), wish, same, same)
  }

  states(scope: readonly string[]): Promise<ReadonlyMap<SessionState, number>> {
    return statesOf(this.#stored(), scope, same)
  }

  *#candidates({ user, visit }: PageWish): Iterable<StoredSession> {
    for (const session of this.#stored())
      if ((user === undefined || session.user === user) && (visit === undefined || isOfVisit(session, visit)))
        yield session
  }

  *#stored(): Iterable<StoredSession> {
    for (const { view } of this.#parts.registry.all()) yield this.#storedOf(view)
    for (const view of this.#parts.elsewhere.list()) yield this.#storedOf(view)
  }

  /** Ends sessions that were ended while this process was silent. */
  async endMarked(): Promise<void> {
    for (const session of [...this.#parts.registry.all()]) {
      const stored = this.#storedOf(session.view)
      if (!session.hasEnded && (await this.#parts.store.ended.isEnded(stored))) session.end('logout', 'loggedOut')
    }
  }

  #put(entry: SessionEntry): void {
    this.#written.set(entry.id, stateIn(entry))
    this.#parts.store.sessions.put([entry]).catch(this.#failed)
  }

  #noteChange(view: SessionView): boolean {
    const state = stateIn(this.#storedOf(view))
    if (this.#written.get(view.id) === state) return false
    this.#written.set(view.id, state)
    return true
  }

  #entryOf(session: Session): SessionEntry {
    const { sid, view, stage, hasEnded, client } = session
    const stored = this.#storedOf(view)
    const loginFor = stage.name === 'opening' ? client?.loginFor : undefined
    return {
      ...stored,
      // An ended session no longer counts for its user.
      user: hasEnded ? undefined : (stored.user ?? (loginFor && userOf(loginFor))),
      address: this.#parts.countedClient(session),
      secrets: stage.ticket === undefined ? [sid] : [sid, stage.ticket.key],
    }
  }

  #storedOf(view: SessionView): StoredSession {
    const { self, epoch } = this.#parts
    const { id, domain, jid, origin, openedBy, tab, createdAt, state, transport, quietSince } = view
    return {
      id,
      process: self,
      domain,
      jid,
      user: jid && userOf(jid),
      origin,
      admin: openedBy?.admin,
      isPage: openedBy?.isPage === true,
      tab,
      openedAt: Math.round(createdAt + epoch),
      state,
      transport,
      quietSince: quietSince && Math.round(quietSince + epoch),
    }
  }

  /** The store tells its outages itself. All entries are written again when it is back. */
  readonly #failed = (error: unknown): void => {
    if (!(error instanceof StoreUnavailable)) this.#parts.report(error)
  }
}

const same = (session: StoredSession) => session

const stateIn = ({ state, transport, quietSince }: StoredSession) => `${state} ${transport} ${quietSince}`
