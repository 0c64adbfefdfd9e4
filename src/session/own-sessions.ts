import type { Clock } from '../lib/clock.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { Registry } from './registry.js'
import type { Session } from './session.js'
import { countStates, listOf } from './session-list.js'
import type {
  Handover,
  ListWish,
  ResumedSession,
  SessionList,
  SessionState,
  Sessions,
  SessionView,
} from './session-types.js'

const quietMilliseconds = 5_000

/** Sessions whose pages use another endpoint. */
export type SessionsElsewhere = Pick<Registry, 'list' | 'ofJid'> & {
  get(id: string): SessionView | undefined
}

export interface Unused {
  readonly id: string
  readonly quiet: number
}

export class OwnSessions {
  readonly #here: Registry
  readonly #elsewhere: SessionsElsewhere
  readonly #clock: Pick<Clock, 'now'>
  /** Added to times in the places of a list. */
  readonly #epoch: number

  constructor(here: Registry, elsewhere: SessionsElsewhere, clock: Pick<Clock, 'now'>, epoch = 0) {
    this.#here = here
    this.#elsewhere = elsewhere
    this.#clock = clock
    this.#epoch = epoch
  }

  get(id: string): SessionView | undefined {
    return this.#here.byId(id)?.view ?? this.#elsewhere.get(id)
  }

  page({ jid, ...wish }: ListWish): SessionList {
    return listOf(jid === undefined ? this.#list() : this.#ofJid(jid), wish, this.#epoch)
  }

  states(scope: readonly string[]): Map<SessionState, number> {
    return countStates(this.#list(), scope)
  }

  resume(id: string, handover: Handover): ResumedSession | undefined {
    return this.#here.byId(id)?.resume(handover)
  }

  unused(jid: string): Unused[] {
    return unusedAmong(withJid(this.#here.ofJid(jid), jid), this.#clock.now())
  }

  reuse(id: string, handover: Handover): ResumedSession | undefined {
    const session = this.#here.byId(id)
    const isUnused = session !== undefined && unusedAmong([session.view], this.#clock.now()).length > 0
    return isUnused ? session.resume(handover) : undefined
  }

  end(id: string): boolean {
    const session = this.#here.byId(id)
    session?.end('logout', 'loggedOut')
    return session !== undefined
  }

  endAll(jid: string): { readonly ended: number; readonly elsewhere: number } {
    const found = this.#ofJid(jid)
    let ended = found.filter(({ id }) => this.end(id)).length
    for (const session of this.#here.all()) {
      if (!mayBecome(session, jid)) continue
      session.end('logout', 'loggedOut')
      ended += 1
    }
    return { ended, elsewhere: found.filter(({ state }) => state === 'elsewhere').length }
  }

  *#list(): Iterable<SessionView> {
    yield* this.#here.list()
    yield* this.#elsewhere.list()
  }

  #ofJid(jid: string): readonly SessionView[] {
    return withJid([...this.#here.ofJid(jid), ...this.#elsewhere.ofJid(jid)], jid)
  }
}

/** True if the login asked for this full JID. */
function mayBecome({ stage, client }: Session, jid: string): boolean {
  if (stage.name !== 'opening') return false
  const wished = client?.loginFor
  if (wished === undefined) return stage.login?.mayBecome(jid) === true
  return jid.includes('/') ? wished === jid : userOf(wished) === userOf(jid)
}

/** The session used last comes first: its page is most likely to return. */
export function unusedAmong(views: readonly SessionView[], now: number): Unused[] {
  return views
    .filter(({ state }) => state === 'quiet' || state === 'paused' || state === 'waiting')
    .map(({ id, quietSince = now }) => ({ id, quiet: now - quietSince }))
    .filter(({ quiet }) => quiet >= quietMilliseconds)
    .sort(lastUsedFirst)
}

export const lastUsedFirst = (a: Unused, b: Unused) => a.quiet - b.quiet

/** A bare JID selects all of a user's sessions. */
export function withJid(views: readonly SessionView[], jid: string): readonly SessionView[] {
  const resourceOf = (full: string) => full.slice(full.indexOf('/') + 1)
  if (!jid.includes('/')) return views
  return views.filter(view => view.jid?.includes('/') && resourceOf(view.jid) === resourceOf(jid))
}

const unanswered = undefined

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
