import { KeyCounts } from '../../lib/limits/key-counts.js'
import { type Most, numberOf } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Registry } from '../registry/registry.js'
import type { Session } from '../session.js'
import type { SessionIds } from '../sid.js'

/** Limits the sessions of each user. A warm login calls `take` before it begins, and `giveBack` when it is over. */
export interface UserLimit {
  /** `ids`: of the session that the login will open. */
  take(jid: string, ids?: SessionIds): boolean | Promise<boolean>
  giveBack(jid: string, ids?: SessionIds): void
  bound(session: Session, jid: string): void
  ended(session: Session): void
}

export function userLimit(most: Most, registry: Registry, refused: OnRefused): UserLimit {
  const logins = new KeyCounts()
  const isOver = (jid: string, more: number) => {
    const limit = numberOf(most)
    return limit > 0 && registry.liveOf(jid) + more > limit
  }
  return {
    take(jid) {
      const user = userOf(jid)
      if (isOver(jid, logins.of(user) + 1)) {
        refused('user')
        return false
      }
      logins.add(user, 1)
      return true
    },
    giveBack(jid) {
      logins.add(userOf(jid), -1)
    },
    bound(session, jid) {
      // For warm logins, `take` has checked the limit.
      const isOwn = session.origin === 'client'
      if (!isOwn || !isOver(jid, 0)) return
      refused('user')
      session.end('limit', 'reported')
    },
    ended() {},
  }
}
