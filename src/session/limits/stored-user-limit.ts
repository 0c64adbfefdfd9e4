import { type Most, numberOf } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { type Store, StoreUnavailable } from '../../store/store.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Registry } from '../registry/registry.js'
import { type UserLimit, userLimit } from './user-limit.js'

interface StoredUserLimitParts {
  readonly self: string
  readonly most: Most
  readonly store: Pick<Store, 'sessions'>
  readonly registry: Registry
  readonly refused: OnRefused
  /** The store did not answer, so this process has counted alone. */
  readonly onAlone: () => void
}

/** Limits the sessions of each user in all processes. A warm login enters its session in the store before it begins. */
export function storedUserLimit(parts: StoredUserLimitParts): UserLimit {
  const { self, most, store, registry, refused, onAlone } = parts
  const alone = userLimit(most, registry, refused)
  return {
    async take(jid, ids) {
      if (numberOf(most) === 0 || ids === undefined) return true
      const user = userOf(jid)
      const domain = user.slice(user.indexOf('@') + 1)
      const { id, sid } = ids
      const entry = { id, process: self, domain, user, origin: 'warmed', isPage: false, state: 'opening' } as const
      const opened = { ...entry, openedAt: Date.now(), secrets: [sid] }
      try {
        const full = await store.sessions.open(opened, [{ by: 'user', most: numberOf(most) }])
        if (full !== undefined) refused('user')
        return full === undefined
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
        onAlone()
        const isAllowed = await alone.take(jid)
        if (isAllowed) alone.giveBack(jid)
        return isAllowed
      }
    },
    giveBack(_jid, ids) {
      if (ids !== undefined && registry.byId(ids.id) === undefined)
        store.sessions.remove([ids.id], self).catch(() => {})
    },
    bound(session, jid) {
      const limit = numberOf(most)
      // For warm logins, `take` has checked the limit.
      if (limit === 0 || session.origin !== 'client') return
      store.sessions.count('user', userOf(jid)).then(
        count => {
          if (count <= limit || session.hasEnded) return
          refused('user')
          session.end('limit', 'reported')
        },
        () => alone.bound(session, jid),
      )
    },
    ended() {},
  }
}
