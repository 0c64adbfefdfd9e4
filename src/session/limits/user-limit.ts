import { KeyCounts } from '../../lib/limits/key-counts.js'
import { type Most, numberOf } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { type SessionEntry, StoreUnavailable } from '../../store/store.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Registry } from '../registry/registry.js'
import type { Session } from '../session.js'
import type { SessionIds } from '../sid.js'
import type { SharedCounts } from './session-limits.js'

interface UserLimitParts {
  readonly most: Most
  readonly registry: Registry
  readonly refused: OnRefused
  /** Undefined with one process. */
  readonly shared?: SharedCounts | undefined
}

/** Limits the sessions of each user, in all processes. */
export class UserLimit {
  readonly #parts: UserLimitParts
  /** Warm logins under way. */
  readonly #logins = new KeyCounts()

  constructor(parts: UserLimitParts) {
    this.#parts = parts
  }

  /**
   * Call this before a warm login, and `giveBack` after it. `ids`: of the session that the login will open, which is
   * entered in the store before.
   */
  async take(jid: string, ids?: SessionIds): Promise<boolean> {
    const user = userOf(jid)
    const most = numberOf(this.#parts.most)
    const isFullHere = () => this.#parts.registry.liveOf(user) + this.#logins.of(user) >= most
    const isFull = most > 0 && ((await this.#isFullInAll(user, most, ids)) ?? isFullHere())
    if (isFull) this.#parts.refused('user')
    else this.#logins.add(user, 1)
    return !isFull
  }

  giveBack(jid: string, ids?: SessionIds): void {
    const { shared, registry } = this.#parts
    this.#logins.add(userOf(jid), -1)
    if (shared === undefined || ids === undefined || registry.byId(ids.id) !== undefined) return
    shared.store.sessions.remove([ids.id], shared.self).catch(() => {})
  }

  bound(session: Session, jid: string): void {
    const { shared, registry, refused } = this.#parts
    const most = numberOf(this.#parts.most)
    // For warm logins, `take` has checked the limit.
    if (most === 0 || session.origin !== 'client') return
    const user = userOf(jid)
    const endIf = (isOver: boolean) => {
      if (!isOver || session.hasEnded) return
      refused('user')
      session.end('limit', 'reported')
    }
    const isOverHere = () => registry.liveOf(user) > most
    if (shared === undefined) endIf(isOverHere())
    else
      shared.store.sessions.count('user', user).then(
        count => endIf(count > most),
        () => endIf(isOverHere()),
      )
  }

  /** Undefined if the store is away, or there is none. */
  async #isFullInAll(user: string, most: number, ids: SessionIds | undefined): Promise<boolean | undefined> {
    const { shared } = this.#parts
    if (shared === undefined || ids === undefined) return undefined
    const domain = user.slice(user.indexOf('@') + 1)
    const login = { process: shared.self, domain, user, origin: 'warmed', isPage: false, state: 'opening' } as const
    const entry: SessionEntry = { id: ids.id, ...login, openedAt: Date.now(), secrets: [ids.sid] }
    try {
      return !(await shared.store.sessions.open(entry, most))
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      shared.onAlone()
      return undefined
    }
  }
}
