import type { Sessions } from './sessions.js'

/**
 * The sessions that live here, and those that are only known of: they are shown among the others, but can be neither
 * resumed nor ended.
 */
export function knownSessions(here: Sessions, elsewhere: Pick<Sessions, 'get' | 'list' | 'ofJid'>): Sessions {
  return {
    get: id => here.get(id) ?? elsewhere.get(id),
    list: () => [...here.list(), ...elsewhere.list()].sort((a, b) => a.createdAt - b.createdAt),
    ofJid: bareJid => [...here.ofJid(bareJid), ...elsewhere.ofJid(bareJid)],
    resume: (id, handover) => here.resume(id, handover),
    end: id => here.end(id),
  }
}
