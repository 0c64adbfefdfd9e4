import type { Clock, Timer } from '../clock.js'
import { idOf } from '../sid.js'
import type { Session } from './session.js'

/** How often sessions are looked at for what time demands, in milliseconds. */
const sweepInterval = 250

/** All live sessions of this process, found by sid or by handle; one timer drives them all. */
export class Registry {
  readonly #sessions = new Map<string, Session>()
  readonly #clock: Clock
  readonly #onFault: (session: Session, error: unknown) => void
  #sweep: Timer | undefined

  /** `onFault` hears of a session that failed at what time demanded of it; the session is gone then. */
  constructor(clock: Clock, onFault: (session: Session, error: unknown) => void = () => {}) {
    this.#clock = clock
    this.#onFault = onFault
  }

  get size(): number {
    return this.#sessions.size
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session)
    if (this.#sweep === undefined) this.#scheduleSweep()
  }

  remove(session: Session): void {
    this.#sessions.delete(session.id)
  }

  /** The live session with this secret. */
  bySid(sid: string): Session | undefined {
    return this.#sessions.get(idOf(sid))
  }

  /** The live session with this handle. */
  byId(id: string): Session | undefined {
    return this.#sessions.get(id)
  }

  /** Ends every session with `system-shutdown`. */
  shutDown(): void {
    for (const session of [...this.#sessions.values()]) session.shutDown()
  }

  /** Ends every session at once and without a word. */
  abandonAll(): void {
    for (const session of [...this.#sessions.values()]) session.abandon()
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
          this.remove(session)
          this.#onFault(session, error)
        }
      }
      if (this.#sessions.size > 0) this.#scheduleSweep()
    })
  }
}
