import { userOf } from '../jid/user-of.js'
import { forgetOldest } from '../lib/forget-oldest.js'
import type { SessionView } from '../session/sessions.js'
import type { EndpointSession } from './endpoint-session.js'

/** A session that was handed over to a client which talks to the endpoint directly. */
export interface HandedOverSession {
  readonly id: string
  /** The full JID that was bound. */
  readonly jid: string
  readonly domain: string
  /** When it was handed over, in milliseconds of the clock. */
  readonly at: number
}

/** Sessions that are remembered: nothing tells when one of them ends. */
const mostRemembered = 20_000
/** Sessions that can still be ended, in case their client never hears of them: the replies to so many calls are under way. */
const mostReleasable = 1000

/** The sessions that were logged in here and live at other endpoints, as far as they are remembered. */
export class HandedOverSessions {
  readonly #most: number
  readonly #sessions = new Map<string, HandedOverSession & { readonly user: string }>()
  readonly #releasable = new Map<string, EndpointSession>()

  constructor(most = mostRemembered) {
    this.#most = most
  }

  get size(): number {
    return this.#sessions.size
  }

  add(handedOver: HandedOverSession, session: EndpointSession): void {
    const { id, jid } = handedOver
    this.#sessions.set(id, { ...handedOver, user: userOf(jid) })
    this.#releasable.set(id, session)
    forgetOldest(this.#sessions, this.#most)
    forgetOldest(this.#releasable, mostReleasable)
  }

  get(id: string): SessionView | undefined {
    const session = this.#sessions.get(id)
    return session && view(session)
  }

  /** All of them, the oldest first. */
  *list(): Iterable<SessionView> {
    for (const session of this.#sessions.values()) yield view(session)
  }

  /** Those of a bare JID. */
  ofJid(bareJid: string): readonly SessionView[] {
    const user = userOf(bareJid)
    const found: SessionView[] = []
    for (const session of this.#sessions.values()) if (session.user === user) found.push(view(session))
    return found
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

function view({ id, jid, domain, at }: HandedOverSession): SessionView {
  return { id, jid, domain, origin: 'warmed', state: 'elsewhere', createdAt: at, quietSince: undefined }
}
