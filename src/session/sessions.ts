// The seams between the warm API and the sessions: how one is opened for a login, and how those that are there are
// controlled. Types only.

import type { Link, LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { Binding } from '../xmpp/page-binding.js'
import type { Element } from '../xmpp/xml/element.js'

/**
 * How a session stands: `opening` until it is logged in, `waiting` for the first request of its browser, `held` while
 * a request is open, `quiet` while none is, `paused` at its client's wish, `ended` by its server while its client has yet
 * to be told, `elsewhere` where its browser talks to another endpoint.
 */
export type SessionState = 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'

/** How a client reaches this service. */
export type Transport = 'bosh' | 'websocket'

/** What may be known of a session; never its secret. Times are in milliseconds of the clock. */
export interface SessionView {
  readonly id: string
  /** The full JID that the server bound; undefined before. */
  readonly jid: string | undefined
  readonly domain: string
  /** `warmed` by the API, or opened by a `client` itself. */
  readonly origin: 'warmed' | 'client'
  readonly state: SessionState
  /** Of its client; undefined as long as none has come. */
  readonly transport: Transport | undefined
  readonly createdAt: number
  /** Since when no request is open; undefined while one is. */
  readonly quietSince: number | undefined
}

/** A session that was handed to another page, which has it alone from now on. */
export type ResumedSession = Binding & {
  readonly id: string
  readonly jid: string
  /** Stanzas that its pages before have had; those that they may not have had are delivered to this one, before all else. */
  readonly delivered: number
}

/** How a session waits for a browser. */
export interface Handover {
  /** The time for its first request, in seconds. */
  readonly seconds: number
  readonly attachBinding: AttachBinding
}

/** What a login asks of the session that it opens: of its link, and of the client that its page will have. */
export interface OpenWish extends LinkOptions {
  /** Whose session it is to be, bare or full; undefined if its login is never to be found by a user. */
  readonly jid?: string | undefined
  /** Longest time a request may be held, in seconds. */
  readonly wait: number
  /** Requests held at a time. */
  readonly hold: number
  /** BOSH version asked for, `major.minor`. */
  readonly ver: string
  /** Whether another process that was full has counted the refusal of this login. */
  readonly isRefusalCounted?: boolean | undefined
}

/** A session while it is being logged in. */
export interface Opening {
  /** The public handle. */
  readonly id: string
  /** The way to the XMPP server. What the server says goes to the events given to `Open`, until `handOver`. */
  readonly link: Link
  /**
   * The login is done, and the session waits for its page. `undelivered` came for the page during the login; it is
   * delivered before all else. Resolves with what the page goes on with, or undefined if the session is over.
   */
  handOver(jid: string, undelivered: readonly Element[], handover: Handover): Promise<Binding | undefined>
  /** Ends the session at once; its events are not called any more. */
  abandon(): void
}

/**
 * Opens a session for a login. `events` hears what the server says; its `onEnd` is called at most once, when the
 * session is over for whatever reason, and nothing after it. Throws a `Problem` where a limit or the domain refuses it.
 */
export type Open = (domain: string, wish: OpenWish, events: LinkEvents) => Opening

/**
 * Whether a session answers only the browser that attached to it: `cookie` gives it a cookie with its first answer,
 * `reply` with the answer to the call that asked for the session, and demands it from the first request on.
 */
export type AttachBinding = 'off' | 'cookie' | 'reply'

/** Which sessions a list is to have. */
export interface SessionFilter {
  /** Patterns of the domains that it may have sessions of. */
  readonly scope: readonly string[]
  /** All of a bare JID, or the one of a full JID. */
  readonly jid?: string | undefined
  readonly domain?: string | undefined
  readonly state?: SessionState | undefined
  readonly origin?: SessionView['origin'] | undefined
}

/**
 * A place in the list of all sessions; valid even after the session there has ended. `createdAt` is in milliseconds of the
 * process that has the session, which never change: those of its clock, or Unix time where there are other processes.
 */
export interface Place {
  readonly createdAt: number
  readonly id: string
}

/** A part of a list: so many sessions at most, behind a place. */
export interface PageWish extends SessionFilter {
  readonly limit: number
  readonly after: Place | undefined
}

/** What processes that did not answer in time know is missing; `unanswered` names them, and is undefined without any. */
export interface Incomplete {
  readonly unanswered: readonly string[] | undefined
}

/** A part of a list; `total` is how many sessions the whole of it has, `next` where the next part begins, if there is one. */
export interface SessionPage extends Incomplete {
  readonly sessions: readonly SessionView[]
  readonly total: number
  readonly next: Place | undefined
}

/** How many sessions stand how; those states only that there are. */
export interface StateCounts extends Incomplete {
  readonly states: ReadonlyMap<SessionState, number>
}

/** How many sessions of a user were ended, and how many may live at another endpoint and were not. */
export interface EndedSessions extends Incomplete {
  readonly ended: number
  readonly elsewhere: number
}

/**
 * All sessions that there are, whichever process has them; asynchronous, since the answer may come from another one. What is
 * about one session rejects with `session-unreachable` where its process does not answer.
 */
export interface Sessions {
  /** The session with this handle, `elsewhere` or not. */
  get(id: string): Promise<SessionView | undefined>
  /** A part of the list of all live ones that fit, in the order they were created in. */
  page(wish: PageWish): Promise<SessionPage>
  /** Counts those with a domain in the `scope` by how they stand. */
  states(scope: readonly string[]): Promise<StateCounts>
  /** Hands a live session to another page and fences off the one before; undefined if it cannot be handed over. */
  resume(id: string, handover: Handover): Promise<ResumedSession | undefined>
  /** Whether one of a JID's sessions has no page, so that `reuse` would give it. */
  hasUnused(jid: string): Promise<boolean>
  /** Resumes one of a JID's sessions that has no page, and gives it to no other call; undefined if there is none. */
  reuse(jid: string, handover: Handover): Promise<ResumedSession | undefined>
  /** Ends a session at once: the XMPP server sees its user log out. False if there is none. */
  end(id: string): Promise<boolean>
  /** The same for all sessions of a bare JID, or the one of a full JID, and for their logins that are under way. */
  endAll(jid: string): Promise<EndedSessions>
}
