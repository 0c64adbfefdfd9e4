import { forgetOldest } from '../lib/limits/forget-oldest.js'
import type { StoredSession, TabKey } from '../store/store.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { EndpointSession } from './endpoint-session.js'

/** Limited, because the service does not see these sessions end. */
const mostRemembered = 20_000
/** Number of sessions that can be ended if no page claims them. */
const mostReleasable = 1000

const alike = { origin: 'warmed', isPage: false, state: 'elsewhere', transport: 'bosh' } as const

/** Sessions that a page continues at a remote endpoint, without this service. */
export class SessionsElsewhere {
  readonly #sessions = new Map<string, StoredSession>()
  readonly #releasable = new Map<string, EndpointSession>()

  constructor(readonly process = '') {}

  get size(): number {
    return this.#sessions.size
  }

  add(id: string, jid: string, domain: string, openedAt: number, session: EndpointSession, tab?: TabKey): void {
    const { process } = this
    this.#sessions.set(id, { id, process, jid, user: userOf(jid), domain, openedAt, tab, ...alike })
    this.#releasable.set(id, session)
    forgetOldest(this.#sessions, mostRemembered)
    forgetOldest(this.#releasable, mostReleasable)
  }

  get(id: string): StoredSession | undefined {
    return this.#sessions.get(id)
  }

  list(): Iterable<StoredSession> {
    return this.#sessions.values()
  }

  ofJid(bareJid: string): readonly StoredSession[] {
    const wanted = userOf(bareJid)
    return [...this.#sessions.values()].filter(({ user }) => user === wanted)
  }

  endUnclaimed(id: string): void {
    const session = this.#releasable.get(id)
    if (session === undefined) return
    session.end()
    this.#releasable.delete(id)
    this.#sessions.delete(id)
  }
}
