import { forgetOldest } from '../lib/limits/forget-oldest.js'
import type { SessionView } from '../session/sessions.js'
import { userOf } from '../xmpp/jid/jid.js'
import type { EndpointSession } from './endpoint-session.js'

/** Sessions that are remembered: nothing tells when one of them ends. */
const mostRemembered = 20_000
/** Sessions that can still be ended, in case their client never hears of them: the replies to so many calls are under way. */
const mostReleasable = 1000

/** What all of them have in common. */
const alike = { origin: 'warmed', state: 'elsewhere', transport: 'bosh', quietSince: undefined } as const

/** The sessions that were logged in here and live at other endpoints, as far as they are remembered. */
export class HandedOverSessions {
  readonly #sessions = new Map<string, { readonly view: SessionView; readonly user: string }>()
  readonly #releasable = new Map<string, EndpointSession>()

  get size(): number {
    return this.#sessions.size
  }

  /** Takes up a session that is handed over at this time, in milliseconds of the clock, to a client which talks to the endpoint. */
  add(id: string, jid: string, domain: string, createdAt: number, session: EndpointSession): void {
    const view = { id, jid, domain, createdAt, ...alike }
    this.#sessions.set(id, { view, user: userOf(jid) })
    this.#releasable.set(id, session)
    forgetOldest(this.#sessions, mostRemembered)
    forgetOldest(this.#releasable, mostReleasable)
  }

  get(id: string): SessionView | undefined {
    return this.#sessions.get(id)?.view
  }

  /** All of them, the oldest first. */
  *list(): Iterable<SessionView> {
    for (const { view } of this.#sessions.values()) yield view
  }

  /** Those of a bare JID. */
  ofJid(bareJid: string): readonly SessionView[] {
    const wanted = userOf(bareJid)
    return [...this.#sessions.values()].filter(({ user }) => user === wanted).map(({ view }) => view)
  }

  /** Ends a session whose client never got to know of it. */
  release(id: string): void {
    const session = this.#releasable.get(id)
    if (session === undefined) return
    session.end()
    this.#releasable.delete(id)
    this.#sessions.delete(id)
  }
}
