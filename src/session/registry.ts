import type { Clock, Timer } from '../lib/clock.js'
import { JidIndex } from './jid-index.js'
import type { Session } from './session.js'
import type { Census, Handover, ResumedSession, SessionView } from './sessions.js'
import { unusedAmong, withJid } from './unused.js'

/** How often the deadlines of sessions are looked at, in milliseconds. */
const sweepInterval = 250

/** All live sessions of this process, found by sid, handle or user. One timer drives them all. */
export class Registry {
  /** By handle. */
  readonly #sessions = new Map<string, Session>()
  /**
   * By secret, without a hash for each request. The time of a look-up tells nothing of other sids: a map compares a text
   * only with keys of the same seeded hash, so that no sid can be guessed character by character.
   */
  readonly #bySid = new Map<string, Session>()
  readonly #byJid = new JidIndex<Session>()
  readonly #clock: Clock
  #sweep: Timer | undefined
  #isStopping = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#sessions.size
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session)
    this.#bySid.set(session.sid, session)
    if (this.#sweep === undefined) this.#scheduleSweep()
  }

  /** The session's user is known from now on. */
  bound(session: Session): void {
    this.#byJid.add(session)
  }

  /** False if it was not there any more. */
  remove(session: Session): boolean {
    this.#byJid.remove(session)
    this.#bySid.delete(session.sid)
    return this.#sessions.delete(session.id)
  }

  /** The live session with this secret. */
  bySid(sid: string): Session | undefined {
    return this.#bySid.get(sid)
  }

  /** The live session with this handle. */
  byId(id: string): Session | undefined {
    return this.#sessions.get(id)
  }

  get(id: string): SessionView | undefined {
    return this.#sessions.get(id)?.view
  }

  *list(): Iterable<SessionView> {
    for (const session of this.#sessions.values()) yield session.view
  }

  /** Those of the user that a JID, bare or full, is of. */
  ofJid(jid: string): readonly SessionView[] {
    return this.#byJid.of(jid).map(({ view }) => view)
  }

  /** How many sessions the user of a JID has, without those whose end is yet to be told. */
  liveOf(jid: string): number {
    return this.#byJid.of(jid).filter(({ isLive }) => isLive).length
  }

  /** Hands a live session to another page and fences off the one before; undefined if it cannot be handed over. */
  resume(id: string, handover: Handover): ResumedSession | undefined {
    return this.#sessions.get(id)?.resume(handover)
  }

  /** Resumes one of a bare JID's sessions that has no page, or the one of a full JID; undefined if there is none. */
  reuse(jid: string, handover: Handover): ResumedSession | undefined {
    for (const { id } of unusedAmong(withJid(this.ofJid(jid), jid), this.#clock.now())) {
      const resumed = this.resume(id, handover)
      if (resumed !== undefined) return resumed
    }
    return undefined
  }

  /** Ends a session at once. False if there is none. */
  end(id: string): boolean {
    const session = this.#sessions.get(id)
    session?.end('logout')
    return session !== undefined
  }

  /** Counts all sessions, without making a view of each: there may be many. */
  census(): Census {
    const states = { opening: 0, waiting: 0, held: 0, quiet: 0, paused: 0, ended: 0, elsewhere: 0 }
    let heldRequests = 0
    let heldSince: number | undefined
    for (const session of this.#sessions.values()) {
      states[session.state] += 1
      heldRequests += session.client?.heldCount ?? 0
      const since = session.client?.heldSince
      if (since !== undefined && (heldSince === undefined || since < heldSince)) heldSince = since
    }
    return { states, heldRequests, heldSince }
  }

  /** Whether the service is being stopped, and no session may be added. */
  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Ends every session with `system-shutdown`. */
  shutDown(): void {
    this.#isStopping = true
    this.#each(session => session.shutDown())
  }

  /** Ends every session at once; their clients are not told. */
  abandonAll(): void {
    this.#each(session => session.abandon('shutdown'))
  }

  /** A session that fails does not keep the others from being dealt with. */
  #each(act: (session: Session) => void): void {
    for (const session of [...this.#sessions.values()]) {
      try {
        act(session)
      } catch (error) {
        session.collapse(error)
      }
    }
  }

  #scheduleSweep(): void {
    this.#sweep = this.#clock.after(sweepInterval, () => {
      this.#sweep = undefined
      const now = this.#clock.now()
      for (const session of this.#sessions.values()) {
        if (session.deadline > now) continue
        try {
          session.tick()
        } catch (error) {
          // One broken session must not keep the others from their time.
          session.collapse(error)
        }
      }
      if (this.#sessions.size > 0) this.#scheduleSweep()
    })
  }
}
