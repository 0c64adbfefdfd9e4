import type { CallIds } from '../lib/call-ids.js'
import type { Link, LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { PageBinding } from '../xmpp/page-binding.js'
import type { Element } from '../xmpp/xml/element.js'
import type { Management } from './link/mending.js'
import type { SessionIds } from './sid.js'

/** `held`: a request or WebSocket is open. `quiet`: none is open. `elsewhere`: at a remote BOSH endpoint. */
export type SessionState = 'opening' | 'waiting' | 'held' | 'quiet' | 'paused' | 'ended' | 'elsewhere'

export type Transport = 'bosh' | 'websocket'

export interface VisitName {
  readonly admin: string
  readonly visit: string
  readonly user?: string
}

export interface Tab extends VisitName {
  /** Empty if the call names no tab. */
  readonly tab: string
  /** A normalised bare JID, or the domain for anonymous users. */
  readonly user: string
}

export interface SessionView {
  readonly id: string
  readonly jid: string | undefined
  readonly domain: string
  readonly origin: 'warmed' | 'client'
  readonly state: SessionState
  readonly transport: Transport | undefined
  readonly createdAt: number
  readonly quietSince: number | undefined
  readonly tab?: Tab | undefined
  /** Undefined with one process. */
  readonly process?: string | undefined
  readonly openedBy?: OpenedBy | undefined
}

export interface OpenedBy {
  readonly admin: string
  /** True if a page opened the session with a token. */
  readonly isPage: boolean
}

export interface PastEvent {
  readonly event: 'opened' | 'logged-in' | 'attached' | 'paused' | 'resumed' | 'mended' | 'taken-up'
  readonly at: number
}

/** Fields below are undefined for sessions at remote endpoints. */
export interface SessionDetails extends SessionView {
  readonly address?: string | undefined
  readonly browser?: string | undefined
  readonly isMending?: boolean | undefined
  /** Time of the end if no page connects. */
  readonly endsAt?: number | undefined
  /** Stanzas for the page. */
  readonly counters?: { readonly delivered: number; readonly waiting: number } | undefined
  readonly history?: readonly PastEvent[] | undefined
}

export type ResumedSession = PageBinding & {
  readonly id: string
  readonly jid: string
  readonly delivered: number
}

export interface Handover {
  /** Time for the page's first request, in seconds. */
  readonly seconds: number
  readonly attachBinding: AttachBinding
  readonly ids?: CallIds | undefined
}

export interface OpenWish extends LinkOptions {
  /** Bare or full. */
  readonly jid?: string | undefined
  /** In seconds. */
  readonly wait: number
  readonly hold: number
  /** BOSH version, `major.minor`. */
  readonly ver: string
  readonly isRefusalCounted?: boolean | undefined
  readonly tab?: Tab | undefined
  readonly ids?: CallIds | undefined
  readonly openedBy?: OpenedBy | undefined
  /** The session is in the store already. */
  readonly entered?: SessionIds | undefined
}

export interface OpenLogin {
  readonly id: string
  readonly link: Link
  /** Returns undefined if the session has ended. Rejects with `shutting-down` if it can no longer move. */
  handOver(
    jid: string,
    undelivered: readonly Element[],
    handover: Handover,
    management?: Management,
  ): Promise<PageBinding | undefined>
  /** Ends the session without an event. */
  abandon(): void
}

/** Throws a `Problem` if the process stops or drains, a limit is reached, or the domain is not served. */
export type Open = (domain: string, wish: OpenWish, events: LinkEvents) => OpenLogin

/** The cookie that binds a session to one browser is in the first BOSH reply (`cookie`) or the API reply (`reply`). */
export type AttachBinding = 'off' | 'cookie' | 'reply'

export interface SessionFilter {
  /** Patterns of domains. */
  readonly scope: readonly string[]
  /** Bare or full. */
  readonly jid?: string | undefined
  readonly domain?: string | undefined
  readonly state?: SessionState | undefined
  readonly transport?: Transport | undefined
  /** `connect`: those warmed sessions that a page opened with a token. */
  readonly origin?: SessionView['origin'] | 'connect' | undefined
  readonly visit?: VisitName | undefined
  /** A part of the JID, or the whole id, in lower case. */
  readonly search?: string | undefined
  readonly process?: string | undefined
}

/** Stays valid after its session ends. */
export interface Place {
  /** In milliseconds: the time of the process's clock, or Unix time with several processes. */
  readonly createdAt: number
  readonly id: string
}

/** `opened`: the oldest first. `quiet`: the shortest silence first. */
type SortedBy = 'opened' | 'jid' | 'state' | 'quiet'

export interface Order {
  readonly by: SortedBy
  readonly isReversed: boolean
}

export interface ListWish extends SessionFilter {
  readonly limit: number
  /** Needs the order `opened`. */
  readonly after?: Place | undefined
  readonly skip?: number | undefined
  readonly order?: Order | undefined
}

interface Incomplete {
  readonly unanswered: readonly string[] | undefined
}

export interface SessionList extends Incomplete {
  readonly sessions: readonly SessionView[]
  readonly total: number
  readonly next: Place | undefined
}

export interface StateCounts extends Incomplete {
  readonly states: ReadonlyMap<SessionState, number>
}

/** Sessions at remote BOSH endpoints (`elsewhere`) are not ended. */
export interface EndedHere {
  readonly ended: number
  readonly elsewhere: number
}

export type EndedSessions = EndedHere & Incomplete

/** Rejects with `session-unreachable` if the session's process does not answer. */
export interface Sessions {
  readonly processes: readonly string[]
  get(id: string): Promise<SessionDetails | undefined>
  /** True if the session's process has been silent for 10 s. The session may still exist. */
  isLost(id: string): boolean
  getMany(ids: readonly string[]): Promise<readonly SessionView[]>
  page(wish: ListWish): Promise<SessionList>
  states(scope: readonly string[]): Promise<StateCounts>
  /** Locks out the previous page. */
  resume(id: string, handover: Handover): Promise<ResumedSession | undefined>
  end(id: string): Promise<boolean>
  endAll(jid: string): Promise<EndedSessions>
}
