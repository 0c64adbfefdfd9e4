import type { Clock, Timer } from '../lib/clock.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { Client } from './client.js'
import { ResumableStreams } from './logins/resumable-streams.js'
import type { Session } from './session.js'
import type { SessionState, SessionView } from './sessions.js'
import { Tickets } from './ticket.js'

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
  /** By the user that they are bound to, in the order in which their JIDs became known; only several cost a list. */
  readonly #byUser = new Map<string, Session | readonly Session[]>()
  /** The tickets of those that wait for their pages. */
  readonly tickets = new Tickets<Session>()
  /** The streams that clients may resume, of present and past sessions. */
  readonly streams = new ResumableStreams()
  readonly #clock: Clock
  #sweep: Timer | undefined
  /** Whether the service is being stopped, and no session may be added. */
  isStopping = false
  /** Whether it takes no new sessions, and keeps those that it has. */
  isDraining = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether sessions may be added. */
  get takesSessions(): boolean {
    return !this.isStopping && !this.isDraining
  }

  get size(): number {
    return this.#sessions.size
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session)
    this.#bySid.set(session.sid, session)
    if (this.#sweep === undefined) this.#scheduleSweep()
  }

  /** The session's JID is known from now on, and stays the same. */
  bound(session: Session, jid: string): void {
    const others = this.sessionsOf(jid)
    this.#byUser.set(userOf(jid), others.length === 0 ? session : [...others, session])
  }

  /** False if it was not there any more. */
  remove(session: Session): boolean {
    this.#bySid.delete(session.sid)
    if (session.jid !== undefined) {
      const others = this.sessionsOf(session.jid).filter(other => other !== session)
      if (others.length === 0) this.#byUser.delete(userOf(session.jid))
      else this.#byUser.set(userOf(session.jid), others.length === 1 ? others[0]! : others)
    }
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

  /** All sessions, the oldest first. */
  all(): Iterable<Session> {
    return this.#sessions.values()
  }

  *list(): Iterable<SessionView> {
    for (const session of this.#sessions.values()) yield session.view
  }

  /** Those of the user that a JID, bare or full, is of. */
  ofJid(jid: string): readonly SessionView[] {
    return this.sessionsOf(jid).map(({ view }) => view)
  }

  /** How many sessions of the user of a JID are live: those that only have yet to tell of their end are not. */
  liveOf(jid: string): number {
    return this.sessionsOf(jid).filter(({ hasEnded }) => !hasEnded).length
  }

  /** What speaks for the sessions' browsers. */
  *clients(): Iterable<Client | undefined> {
    for (const session of this.#sessions.values()) yield session.client
  }

  /** Counts all sessions by how they stand, without making a view of each: there may be many. */
  states(): Record<SessionState, number> {
    const states = { opening: 0, waiting: 0, held: 0, quiet: 0, paused: 0, ended: 0, elsewhere: 0 }
    for (const { state } of this.#sessions.values()) states[state] += 1
    return states
  }

  /** Ends every session with `system-shutdown`. */
  shutDown(): void {
    this.isStopping = true
    for (const session of [...this.#sessions.values()]) session.end('shutdown', 'drained')
  }

  /** Ends every session at once; their clients are not told. */
  abandonAll(): void {
    for (const session of [...this.#sessions.values()]) session.end('shutdown', 'untold')
  }

  /** The sessions of the user that a JID, bare or full, is of. */
  sessionsOf(jid: string): readonly Session[] {
    const found = this.#byUser.get(userOf(jid)) ?? []
    return 'length' in found ? found : [found]
  }

  #scheduleSweep(): void {
    this.#sweep = this.#clock.after(sweepInterval, () => {
      this.#sweep = undefined
      const now = this.#clock.now()
      for (const session of this.#sessions.values())
        if (session.deadline <= now) session.run(() => session.tick())
      if (this.#sessions.size > 0) this.#scheduleSweep()
    })
  }
}
