import { forgetOldest } from '../lib/limits/forget-oldest.js'
import type { SessionView, Tab } from '../session/session-types.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { EndpointSession } from './endpoint-session.js'

/** Limited, because the service does not see these sessions end. */
const mostRemembered = 20_000
/** Number of sessions that can be ended if no page claims them. */
const mostReleasable = 1000

const alike = { origin: 'warmed', state: 'elsewhere', transport: 'bosh', quietSince: undefined } as const

/** Sessions that a page continues at a remote endpoint, without this service. */
export class SessionsElsewhere {
  readonly #sessions = new Map<string, { readonly view: SessionView; readonly user: string }>()
  readonly #releasable = new Map<string, EndpointSession>()

  get size(): number {
    return this.#sessions.size
  }

  add(id: string, jid: string, domain: string, createdAt: number, session: EndpointSession, tab?: Tab): void {
    const view = { id, jid, domain, createdAt, tab, ...alike }
    this.#sessions.set(id, { view, user: userOf(jid) })
    this.#releasable.set(id, session)
    forgetOldest(this.#sessions, mostRemembered)
    forgetOldest(this.#releasable, mostReleasable)
  }

  get(id: string): SessionView | undefined {
    return this.#sessions.get(id)?.view
  }

  *list(): Iterable<SessionView> {
    for (const { view } of this.#sessions.values()) yield view
  }

  ofJid(bareJid: string): readonly SessionView[] {
    const wanted = userOf(bareJid)
    return [...this.#sessions.values()].filter(({ user }) => user === wanted).map(({ view }) => view)
  }

  endUnclaimed(id: string): void {
    const session = this.#releasable.get(id)
    if (session === undefined) return
    session.end()
    this.#releasable.delete(id)
    this.#sessions.delete(id)
  }
}
