// Between the warm API and the sessions. Types only.

import type { Link, LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { Binding } from '../xmpp/page-binding.js'
import type { Element } from '../xmpp/xml/element.js'
import type { Management } from './mending.js'

/** `held` while a request is open, `quiet` without a request, `elsewhere` at another endpoint. */
export type SessionState = 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'

export type Transport = 'bosh' | 'websocket'

/** Times are in milliseconds of the clock. */
export interface SessionView {
  readonly id: string
  /** Full. */
  readonly jid: string | undefined
  readonly domain: string
  readonly origin: 'warmed' | 'client'
  readonly state: SessionState
  /** Undefined until a client has come. */
  readonly transport: Transport | undefined
  readonly createdAt: number
  /** Undefined while a request is open. */
  readonly quietSince: number | undefined
}

export type ResumedSession = Binding & {
  readonly id: string
  readonly jid: string
  /** Stanzas that earlier pages have received. */
  readonly delivered: number
}

export interface Handover {
  /** The time for the page's first request. */
  readonly seconds: number
  readonly attachBinding: AttachBinding
}

export interface OpenWish extends LinkOptions {
  /** Bare or full. */
  readonly jid?: string | undefined
  /** Longest time a request may be held, in seconds. */
  readonly wait: number
  /** Requests held at a time. */
  readonly hold: number
  /** BOSH version, `major.minor`. */
  readonly ver: string
  readonly isRefusalCounted?: boolean | undefined
}

export interface Opening {
  /** The public handle. */
  readonly id: string
  readonly link: Link
  /** Returns undefined if the session is over. */
  handOver(
    jid: string,
    undelivered: readonly Element[],
    handover: Handover,
    management?: Management,
  ): Promise<Binding | undefined>
  /** Its events are not called any more. */
  abandon(): void
}

/** `onEnd` is called at most once, and last. Throws a `Problem` if a limit or the domain refuses it. */
export type Open = (domain: string, wish: OpenWish, events: LinkEvents) => Opening

/** Sets a cookie for one browser with the first BOSH reply, or with the reply of the call. */
export type AttachBinding = 'off' | 'cookie' | 'reply'

export interface SessionFilter {
  /** Patterns of domains. */
  readonly scope: readonly string[]
  /** Bare or full. */
  readonly jid?: string | undefined
  readonly domain?: string | undefined
  readonly state?: SessionState | undefined
  readonly origin?: SessionView['origin'] | undefined
}

/** Valid after the session has ended. `createdAt` is on the process's clock, or Unix time with several processes. */
export interface Place {
  readonly createdAt: number
  readonly id: string
}

export interface ListWish extends SessionFilter {
  readonly limit: number
  readonly after: Place | undefined
}

/** Names of processes without an answer. */
export interface Incomplete {
  readonly unanswered: readonly string[] | undefined
}

/** `total` counts the whole list. */
export interface SessionList extends Incomplete {
  readonly sessions: readonly SessionView[]
  readonly total: number
  readonly next: Place | undefined
}

export interface StateCounts extends Incomplete {
  readonly states: ReadonlyMap<SessionState, number>
}

/** `elsewhere` were not ended. */
export interface EndedSessions extends Incomplete {
  readonly ended: number
  readonly elsewhere: number
}

/** Calls about one session reject with `session-unreachable` if its process does not answer. */
export interface Sessions {
  get(id: string): Promise<SessionView | undefined>
  /** In the order of creation. */
  page(wish: ListWish): Promise<SessionList>
  states(scope: readonly string[]): Promise<StateCounts>
  /** Shuts out the previous page. Undefined if impossible. */
  resume(id: string, handover: Handover): Promise<ResumedSession | undefined>
  hasUnused(jid: string): Promise<boolean>
  reuse(jid: string, handover: Handover): Promise<ResumedSession | undefined>
  /** False if there is no such session. */
  end(id: string): Promise<boolean>
  /** Includes logins that are under way. */
  endAll(jid: string): Promise<EndedSessions>
}
