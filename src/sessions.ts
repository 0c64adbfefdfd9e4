// The seam between whoever controls sessions from outside and whoever keeps them. Types only.
import type { Cookie, Exchange, SessionTerms } from './exchange.js'
import type { Element } from './xml/element.js'

/**
 * How a session stands: `opening` until it is logged in, `waiting` for the first request of its browser, `held` while
 * a request is open, `quiet` while none is, `paused` at its client's wish, `ended` by its server with nobody told yet,
 * `elsewhere` where its browser talks to another endpoint.
 */
export type SessionState = 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'

/** What may be known of a session; never its secret. Times are in milliseconds of the clock. */
export interface SessionView {
  readonly id: string
  /** The full JID that the server bound; undefined before. */
  readonly jid: string | undefined
  readonly domain: string
  /** `warmed` by the API, or opened by a `client` itself. */
  readonly origin: 'warmed' | 'client'
  readonly state: SessionState
  readonly createdAt: number
  /** Since when no request is open; undefined while one is. */
  readonly quietSince: number | undefined
}

/** What a page goes on with; the session is its alone from now on. */
export interface ResumedSession extends SessionTerms {
  readonly id: string
  readonly jid: string
  /** The next request id to send. */
  readonly rid: number
  /** What the page's requests have to bring along, where its backend hands that out. */
  readonly cookie?: Cookie | undefined
}

/** How a session waits for a browser. */
export interface Handover {
  /** The time for its first request, in seconds. */
  readonly seconds: number
  readonly attachBinding: AttachBinding
}

/** A session whose login is done, for its browser. */
export interface LoggedIn extends Handover {
  /** The full JID that was bound. */
  readonly jid: string
  /** What came too early for the browser; it is delivered first. */
  readonly strays: readonly Element[]
}

/** What the browser needs to know beside the login's outcome. */
export interface HandedOver {
  readonly cookie?: Cookie | undefined
  /** The address of the endpoint to talk to, where it is not ours. */
  readonly url?: string | undefined
  /** Seconds until that endpoint gives the session up. */
  readonly expiresIn?: number
}

/** Where the sessions of a domain are opened: our own connection manager, or somebody else's. */
export interface Upstream {
  readonly exchange: Exchange
  /** Passes a session on from the login to a browser. Undefined if the session is gone. */
  readonly handOver: (id: string, session: LoggedIn) => HandedOver | undefined
  /** Ends a session at once. */
  readonly abandon: (id: string) => void
}

/**
 * Whether a session answers only the browser that attached to it: `cookie` gives it a cookie with its first answer,
 * `reply` with the answer to whoever asked for the session, and demands it from the first request on.
 */
export type AttachBinding = 'off' | 'cookie' | 'reply'

/** What is found when all sessions are counted. */
export interface Census {
  readonly states: Readonly<Record<SessionState, number>>
  /** Requests of browsers that are held. */
  readonly heldRequests: number
  /** Since when the one is that is held the longest, in milliseconds of the clock; undefined where there is none. */
  readonly heldSince: number | undefined
}

/** All sessions that this process has to do with. */
export interface Sessions {
  /** The session with this handle, `elsewhere` or not. */
  get(id: string): SessionView | undefined
  /** All live ones, in the order they were created in. */
  list(): Iterable<SessionView>
  /** Those of a bare JID. */
  ofJid(bareJid: string): readonly SessionView[]
  /** Hands a live session to another page and fences off the one before; undefined if it cannot be handed over. */
  resume(id: string, handover: Handover): ResumedSession | undefined
  /** Ends a session at once: the XMPP server sees its user log out. False if there is none. */
  end(id: string): boolean
}
