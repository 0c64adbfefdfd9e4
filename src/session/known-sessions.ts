import type { Registry } from './registry.js'
import type { Sessions, SessionView } from './sessions.js'
import { withJid } from './unused.js'

/** Sessions that were handed over to pages which talk to another endpoint. */
export interface SessionsElsewhere {
  get(id: string): SessionView | undefined
  list(): Iterable<SessionView>
  /** Those of the user that a JID, bare or full, is of. */
  ofJid(jid: string): readonly SessionView[]
}

/**
 * The sessions of this process, and those that live at other endpoints: these are shown among the others, but can be
 * neither resumed nor ended.
 */
export function knownSessions(here: Registry, elsewhere: SessionsElsewhere): Sessions {
  return {
    get: async id => here.get(id) ?? elsewhere.get(id),
    list: async () => [...here.list(), ...elsewhere.list()].sort((a, b) => a.createdAt - b.createdAt),
    ofJid: async jid => withJid([...here.ofJid(jid), ...elsewhere.ofJid(jid)], jid),
    resume: async (id, handover) => here.resume(id, handover),
    reuse: async (jid, handover) => here.reuse(jid, handover),
    end: async id => here.end(id),
  }
}
