import { allowsDomain } from '../../xmpp/jid/domains.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { Session } from '../session.js'
import type {
  EndedHere,
  Handover,
  ListWish,
  ResumedSession,
  SessionDetails,
  SessionList,
  SessionState,
  Sessions,
  SessionView,
  Tab,
  VisitName,
} from '../session-types.js'
import { detailsOf } from '../view.js'
import { inSlices } from './in-slices.js'
import type { Registry } from './registry.js'
import { countStates, isOfVisit, listOf, type Rank, ranksOf } from './session-list.js'

const unanswered = undefined

type SessionsElsewhere = Pick<Registry, 'list' | 'ofJid'> & {
  get(id: string): SessionView | undefined
}

export class OwnSessions {
  readonly #here: Registry
  readonly #elsewhere: SessionsElsewhere
  /** Unix time minus `clock.now()`, or 0 with one process. */
  readonly #epoch: number

  constructor(here: Registry, elsewhere: SessionsElsewhere, epoch = 0) {
    this.#here = here
    this.#elsewhere = elsewhere
    this.#epoch = epoch
  }

  get(id: string): SessionDetails | undefined {
    const session = this.#here.byId(id)
    return session === undefined ? this.#elsewhere.get(id) : detailsOf(session)
  }

  views(ids: readonly string[]): readonly SessionView[] {
    return ids.flatMap(id => this.#here.byId(id)?.view ?? this.#elsewhere.get(id) ?? [])
  }

  async page({ jid, skip = 0, ...wish }: ListWish): Promise<SessionList> {
    if (skip === 0) return inSlices(listOf(this.#listOf(jid), wish, this.#epoch))
    const ranks = await this.ranks({ jid, ...wish })
    const ids = ranks.slice(skip, skip + wish.limit).map(({ id }) => id)
    return { sessions: this.views(ids), total: ranks.length, next: undefined, unanswered }
  }

  ranks({ jid, ...wish }: ListWish): Promise<readonly Rank[]> {
    return inSlices(ranksOf(this.#listOf(jid), wish, this.#epoch))
  }

  async states(scope: readonly string[]): Promise<Map<SessionState, number>> {
    const counts = await inSlices(countStates(this.#here.all(), scope))
    return inSlices(countStates(this.#elsewhere.list(), scope, counts))
  }

  resume(id: string, handover: Handover): ResumedSession | undefined {
    return this.#here.byId(id)?.resume(handover)
  }

  ofTab(tab: Tab): string | undefined {
    const session = this.#here.ofTab(tab)
    return session?.stage.canResume === true ? session.id : undefined
  }

  end(id: string): boolean {
    const session = this.#here.byId(id)
    session?.end('logout', 'loggedOut')
    return session !== undefined
  }

  endAll(jid: string): EndedHere {
    const found = this.#ofJid(jid)
    let ended = found.filter(({ id }) => this.end(id)).length
    for (const session of this.#here.all()) {
      if (!mayBecome(session, jid)) continue
      session.end('logout', 'loggedOut')
      ended += 1
    }
    return { ended, elsewhere: found.filter(({ state }) => state === 'elsewhere').length }
  }

  endVisit(visit: VisitName, scope: readonly string[]): EndedHere {
    const isMeant = ({ tab, domain }: Pick<SessionView, 'tab' | 'domain'>) =>
      isOfVisit(tab, visit) && allowsDomain(scope, domain)
    const found = [...this.#here.all()].filter(isMeant)
    for (const session of found) session.end('logout', 'loggedOut')
    return { ended: found.length, elsewhere: [...this.#elsewhere.list()].filter(isMeant).length }
  }

  #listOf(jid: string | undefined): Iterable<SessionView> {
    return jid === undefined ? this.#list() : this.#ofJid(jid)
  }

  *#list(): Iterable<SessionView> {
    yield* this.#here.list()
    yield* this.#elsewhere.list()
  }

  #ofJid(jid: string): readonly SessionView[] {
    return withJid([...this.#here.ofJid(jid), ...this.#elsewhere.ofJid(jid)], jid)
  }
}

function mayBecome({ stage, client }: Session, jid: string): boolean {
  if (stage.name !== 'opening') return false
  const wished = client?.loginFor
  if (wished === undefined) return stage.login?.mayBecome(jid) === true
  return jid.includes('/') ? wished === jid : userOf(wished) === userOf(jid)
}

export function withJid(views: readonly SessionView[], jid: string): readonly SessionView[] {
  const resourceOf = (full: string) => full.slice(full.indexOf('/') + 1)
  if (!jid.includes('/')) return views
  return views.filter(view => view.jid?.includes('/') && resourceOf(view.jid) === resourceOf(jid))
}

const noSessions: SessionList = { sessions: [], total: 0, next: undefined, unanswered }

export function knownSessions(own: OwnSessions): Sessions {
  return {
    get: async id => own.get(id),
    isLost: () => false,
    processes: [],
    getMany: async ids => own.views(ids),
    page: async wish => (wish.process === undefined ? own.page(wish) : noSessions),
    states: async scope => ({ states: await own.states(scope), unanswered }),
    resume: async (id, handover) => own.resume(id, handover),
    end: async id => own.end(id),
    endAll: async jid => ({ ...own.endAll(jid), unanswered }),
  }
}
