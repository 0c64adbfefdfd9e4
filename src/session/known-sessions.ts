import type { Clock } from '../lib/clock.js'
import type { Registry } from './registry.js'
import type { Sessions, SessionView } from './sessions.js'

/** How long a session must have had no request before it may be given to another page, in milliseconds. */
const quietMilliseconds = 5_000

/** Sessions that were handed over to pages which talk to another endpoint. */
type SessionsElsewhere = Pick<Registry, 'list' | 'ofJid'> & {
  get(id: string): SessionView | undefined
}

/** The sessions of this process, and those at other endpoints, which can be neither resumed nor ended. */
export function knownSessions(here: Registry, elsewhere: SessionsElsewhere, clock: Clock): Sessions {
  return {
    get: async id => here.byId(id)?.view ?? elsewhere.get(id),
    list: async () => [...here.list(), ...elsewhere.list()].sort((a, b) => a.createdAt - b.createdAt),
    ofJid: async jid => withJid([...here.ofJid(jid), ...elsewhere.ofJid(jid)], jid),
    resume: async (id, handover) => here.byId(id)?.resume(handover),
    async reuse(jid, handover) {
      for (const { id } of unusedAmong(withJid(here.ofJid(jid), jid), clock.now())) {
        const resumed = here.byId(id)?.resume(handover)
        if (resumed !== undefined) return resumed
      }
      return undefined
    },
    async end(id) {
      const session = here.byId(id)
      session?.end('logout')
      return session !== undefined
    },
  }
}

/** The sessions without a page, the last used first: its page is the most likely to come back. */
export function unusedAmong(views: readonly SessionView[], now: number): SessionView[] {
  return views
    .filter(
      ({ state, quietSince = now }) =>
        (state === 'quiet' || state === 'paused' || state === 'waiting') &&
        now - quietSince >= quietMilliseconds,
    )
    .sort((a, b) => b.quietSince! - a.quietSince!)
}

/** Of a user's sessions those that have this JID: all for a bare JID, one for a full JID. */
export function withJid(views: readonly SessionView[], jid: string): readonly SessionView[] {
  const resourceOf = (full: string) => full.slice(full.indexOf('/') + 1)
  if (!jid.includes('/')) return views
  return views.filter(view => view.jid !== undefined && resourceOf(view.jid) === resourceOf(jid))
}
