import type { OwnSessions } from './own-sessions.js'
import type { Sessions } from './sessions.js'

const unanswered = undefined

/** For a single process. */
export function knownSessions(own: OwnSessions): Sessions {
  return {
    get: async id => own.get(id),
    page: async wish => own.page(wish),
    states: async scope => ({ states: own.states(scope), unanswered }),
    resume: async (id, handover) => own.resume(id, handover),
    hasUnused: async jid => own.unused(jid).length > 0,
    async reuse(jid, handover) {
      for (const { id } of own.unused(jid)) {
        const resumed = own.reuse(id, handover)
        if (resumed !== undefined) return resumed
      }
      return undefined
    },
    end: async id => own.end(id),
    endAll: async jid => ({ ...own.endAll(jid), unanswered }),
  }
}
