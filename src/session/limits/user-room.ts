import { KeyCounts } from '../../lib/limits/key-counts.js'
import { isOver, type LiveCounts } from '../../lib/limits/live-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Registry } from '../registry.js'
import type { Session } from '../session.js'

/** Keeps users from having more live sessions than one may have. Users are named by a JID, bare or full. */
export interface UserRoom {
  /** Takes room for a session that is to be logged in; false where there is none. */
  take(jid: string): boolean | Promise<boolean>
  /** The login is over: a session that came of it counts for itself. */
  giveBack(jid: string): void
  /** A session has a JID from now on. One that its client has opened ends if it is one too many. */
  bound(session: Session, jid: string): void
  /** A session is not live any more; may be called again, and for any session. */
  finished(session: Session): void
}

/** How it is where there is no other process: the sessions that there are are counted when it matters. */
export function userRoom(most: number, registry: Registry, refused: OnRefused): UserRoom {
  /** Logins that are going on. */
  const logins = new KeyCounts()
  return {
    take(jid) {
      const user = userOf(jid)
      if (isOver(registry.liveOf(jid) + logins.of(user) + 1, most)) {
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
      // The warm API refuses one session too many before it logs in.
      const isOwn = session.origin === 'client'
      if (!isOwn || !isOver(registry.liveOf(jid), most)) return
      refused('user')
      session.end('limit', 'told')
    },
    finished() {},
  }
}

/** How it is where sessions of other processes count too. */
export function sharedUserRoom(most: number, counts: LiveCounts<'user'>, refused: OnRefused): UserRoom {
  const counted = new Set<Session>()
  const count = (session: Session, jid: string) => {
    if (!session.hasEnded) counted.add(session)
    else counts.giveBack('user', userOf(jid))
  }
  return {
    async take(jid) {
      if (most === 0 || (await counts.take(userOf(jid), ['user'])) === undefined) return true
      refused('user')
      return false
    },
    giveBack(jid) {
      if (most > 0) counts.giveBack('user', userOf(jid))
    },
    bound(session, jid) {
      if (most === 0) return
      if (session.origin !== 'client') {
        counts.add('user', userOf(jid))
        return count(session, jid)
      }
      const settle = (full: 'user' | undefined) => {
        if (full === undefined) return count(session, jid)
        refused('user')
        if (!session.hasEnded) session.end('limit', 'told')
      }
      const full = counts.take(userOf(jid), ['user'])
      // It goes on until the answer is there.
      if (full instanceof Promise) full.then(settle)
      else settle(full)
    },
    finished(session) {
      if (counted.delete(session)) counts.giveBack('user', userOf(session.jid!))
    },
  }
}
