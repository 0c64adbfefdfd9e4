import type { CallIds } from '../lib/call-ids.js'
import type { EndReason, EventType } from '../lib/counts.js'
import type { PageWish, SessionPage, SessionState, StoredSession, TabKey, VisitKey } from '../store/store.js'
import type { Link, LinkEvents, LinkOptions } from '../xmpp/link.js'
import type { PageBinding } from '../xmpp/page-binding.js'
import type { Element } from '../xmpp/xml/element.js'
import type { Management } from './link/mending.js'
import type { OpenedBy, PastEvent } from './session-history.js'
import type { SessionIds } from './sid.js'

export type Transport = NonNullable<StoredSession['transport']>

/** Fields below are undefined for sessions of other processes, and at remote endpoints. */
export interface SessionDetails extends StoredSession {
  readonly clientAddress?: string | undefined
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
  /** Undefined for other users, who may be at the domain of guests too. */
  readonly guestAddress?: string | undefined
  readonly tab?: TabKey | undefined
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

type EventSubject = Pick<StoredSession, 'id' | 'jid' | 'domain' | 'tab'> & { readonly ids?: CallIds | undefined }

/** Sends a webhook to the portal. */
export type TellEvent = (type: EventType, session: EventSubject, reason?: EndReason) => void

/** The cookie that binds a session to one browser is in the first BOSH reply (`cookie`) or the API reply (`reply`). */
export type AttachBinding = 'off' | 'cookie' | 'reply'

/** The sessions of a user or a full JID, or those of a visit in domains of `scope`. */
export type EndWish = { readonly jid: string } | { readonly visit: VisitKey; readonly scope: readonly string[] }

/** Sessions at remote BOSH endpoints (`elsewhere`) are not ended. */
export interface EndedSessions {
  readonly ended: number
  readonly elsewhere: number
}

/** Rejects with `session-unreachable` if the session's process does not answer. */
export interface Sessions {
  readonly processes: readonly string[]
  get(id: string): Promise<SessionDetails | undefined>
  /** True if the session's process has been silent for 10 s, and no other has taken the session: it may still exist. */
  isLost(id: string): Promise<boolean>
  getMany(ids: readonly string[]): Promise<readonly StoredSession[]>
  page(wish: PageWish): Promise<SessionPage>
  states(scope: readonly string[]): Promise<ReadonlyMap<SessionState, number>>
  /** Locks out the previous page. */
  resume(id: string, handover: Handover): Promise<ResumedSession | undefined>
  end(id: string): Promise<boolean>
  endAll(wish: EndWish): Promise<EndedSessions>
}
