import { KeyCounts } from '../../lib/limits/key-counts.js'
import { isOver, type LiveCounts } from '../../lib/limits/live-counts.js'
import { type Most, numberOf } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Registry } from '../registry/registry.js'
import type { Session } from '../session.js'

export interface UserRoom {
  take(jid: string): boolean | Promise<boolean>
  giveBack(jid: string): void
  bound(session: Session, jid: string): void
  finished(session: Session): void
}

export function userRoom(most: Most, registry: Registry, refused: OnRefused): UserRoom {
  const logins = new KeyCounts()
  return {
    take(jid) {
      const user = userOf(jid)
      if (isOver(registry.liveOf(jid) + logins.of(user) + 1, numberOf(most))) {
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
      // The warm API checks the limit before the login.
      const isOwn = session.origin === 'client'
      if (!isOwn || !isOver(registry.liveOf(jid), numberOf(most))) return
      refused('user')
      session.end('limit', 'told')
    },
    finished() {},
  }
}

export function sharedUserRoom(most: Most, counts: LiveCounts<'user'>, refused: OnRefused): UserRoom {
  /** Counted logins: the limit may change during a login. */
  const logins = new KeyCounts()
  const counted = new Set<Session>()
  const count = (session: Session, jid: string) => {
    if (!session.hasEnded) counted.add(session)
    else counts.giveBack('user', userOf(jid))
  }
  return {
    async take(jid) {
      if (numberOf(most) === 0) return true
      const user = userOf(jid)
      const full = await counts.take(user, ['user'])
      if (full === undefined) logins.add(user, 1)
      else refused('user')
      return full === undefined
    },
    giveBack(jid) {
      const user = userOf(jid)
      if (logins.of(user) === 0) return
      logins.add(user, -1)
      counts.giveBack('user', user)
    },
    bound(session, jid) {
      if (numberOf(most) === 0) return
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
      if (full instanceof Promise) full.then(settle)
      else settle(full)
    },
    finished(session) {
      if (counted.delete(session)) counts.giveBack('user', userOf(session.jid!))
    },
  }
}
