import { isOfVisit, pageOf, statesOf } from '../../store/session-order.js'
import type { PageWish, StoredSession, TabKey, VisitKey } from '../../store/store.js'
import { storeProblem } from '../../store/store-problem.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { isSameJid, userOf } from '../../xmpp/jid/jid.js'
import type { Session } from '../session.js'
import type { EndedSessions, EndWish, Handover, ResumedSession, SessionDetails } from '../session-types.js'
import { detailsOf } from '../view.js'
import type { Registry } from './registry.js'

type RemoteSessions = Pick<Registry, 'list' | 'ofJid'> & {
  get(id: string): StoredSession | undefined
}

/** The sessions of this process, and those at remote endpoints. */
export class OwnSessions {
  readonly #here: Registry
  readonly #elsewhere: RemoteSessions
  /** Ends the calls of the visit. */
  onVisitEnded: (visit: VisitKey) => void = () => {}

  constructor(here: Registry, elsewhere: RemoteSessions) {
    this.#here = here
    this.#elsewhere = elsewhere
  }

  get(id: string): SessionDetails | undefined {
    const session = this.#here.byId(id)
    return session === undefined ? this.#elsewhere.get(id) : detailsOf(session)
  }

  page(wish: PageWish) {
    return pageOf(this.#list(), wish)
  }

  states(scope: readonly string[]) {
    return statesOf(this.#list(), scope)
  }

  resume(id: string, handover: Handover): ResumedSession | undefined {
    const session = this.#here.byId(id)
    if (session?.uplink.isDoubted === true) throw storeProblem()
    return session?.resume(handover)
  }

  ofTab(tab: TabKey): string | undefined {
    const session = this.#here.ofTab(tab)
    return session?.stage.canResume === true ? session.id : undefined
  }

  end(id: string): boolean {
    const session = this.#here.byId(id)
    session?.end('logout', 'loggedOut')
    return session !== undefined
  }

  endAll(wish: EndWish): EndedSessions {
    if ('jid' in wish) return this.#endUser(wish.jid)
    const isMeant = ({ tab, domain }: Pick<StoredSession, 'tab' | 'domain'>) =>
      isOfVisit({ tab }, wish.visit) && allowsDomain(wish.scope, domain)
    const found = [...this.#here.all()].filter(isMeant)
    for (const session of found) session.end('logout', 'loggedOut')
    const elsewhere = [...this.#elsewhere.list()].filter(isMeant).length
    // The calls come last, because they end sessions that are counted here.
    this.onVisitEnded(wish.visit)
    return { ended: found.length, elsewhere }
  }

  #endUser(jid: string): EndedSessions {
    const found = withJid([...this.#here.ofJid(jid), ...this.#elsewhere.ofJid(jid)], jid)
    let ended = found.filter(({ id }) => this.end(id)).length
    for (const session of this.#here.all()) {
      if (!mayBecome(session, jid)) continue
      session.end('logout', 'loggedOut')
      ended += 1
    }
    return { ended, elsewhere: found.filter(({ state }) => state === 'elsewhere').length }
  }

  *#list(): Iterable<StoredSession> {
    yield* this.#here.list()
    yield* this.#elsewhere.list()
  }
}

function mayBecome({ stage, client }: Session, jid: string): boolean {
  if (stage.name !== 'opening') return false
  const wished = client?.loginFor
  if (wished === undefined) return stage.login?.mayBecome(jid) === true
  return jid.includes('/') ? wished === jid : userOf(wished) === userOf(jid)
}

export function withJid(views: readonly StoredSession[], jid: string): readonly StoredSession[] {
  return jid.includes('/') ? views.filter(view => isSameJid(view.jid, jid)) : views
}
