import { userOf } from '../jid/user-of.js'
import { forgetOldest } from '../lib/forget-oldest.js'
import type { SessionView } from '../sessions.js'
import type { RemoteSession } from './session.js'

/** A session that was handed over to a browser which talks to its endpoint directly. */
export interface Departed {
  readonly id: string
  /** The full JID that was bound. */
  readonly jid: string
  readonly domain: string
  /** In milliseconds of the clock. */
  readonly at: number
}

/** Sessions that are remembered; nobody says when one of them ends. */
const mostRemembered = 20_000
/** Sessions that can still be ended, in case that nobody heard of them: the answers to that many calls are on their way. */
const mostReleasable = 1000

/** The sessions that were logged in here and live at other endpoints, as far as they are remembered. */
export class Elsewhere {
  readonly #most: number
  readonly #departed = new Map<string, Departed & { readonly user: string }>()
  readonly #releasable = new Map<string, RemoteSession>()

  constructor(most = mostRemembered) {
    this.#most = most
  }

  get size(): number {
    return this.#departed.size
  }

  add(departed: Departed, session: RemoteSession): void {
    this.#departed.set(departed.id, { ...departed, user: userOf(departed.jid) })
    this.#releasable.set(departed.id, session)
    forgetOldest(this.#departed, this.#most)
    forgetOldest(this.#releasable, mostReleasable)
  }

  get(id: string): SessionView | undefined {
    const departed = this.#departed.get(id)
    return departed && view(departed)
  }

  /** All of them, the oldest first. */
  *list(): Iterable<SessionView> {
    for (const departed of this.#departed.values()) yield view(departed)
  }

  /** Those of a bare JID. */
  ofJid(bareJid: string): readonly SessionView[] {
    const user = userOf(bareJid)
    const found: SessionView[] = []
    for (const departed of this.#departed.values()) if (departed.user === user) found.push(view(departed))
    return found
  }

  /** Ends a session whose browser never got to know of it. */
  release(id: string): void {
    const session = this.#releasable.get(id)
    if (session === undefined) return
    session.end()
    this.#releasable.delete(id)
    this.#departed.delete(id)
  }
}

function view({ id, jid, domain, at }: Departed): SessionView {
  return { id, jid, domain, origin: 'warmed', state: 'elsewhere', createdAt: at, quietSince: undefined }
}
