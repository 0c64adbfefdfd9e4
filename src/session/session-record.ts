import type { CallIds } from '../lib/call-ids.js'
import type { TabKey } from '../store/store.js'
import type { InactivityRecord } from './inactivity.js'
import type { ClientStatesRecord } from './link/client-states.js'
import type { LinkRecord } from './link/managed-link.js'
import type { OutboxRecord } from './outbox.js'
import type { Session } from './session.js'
import type { HistoryRecord } from './session-history.js'
import type { TicketRecord } from './ticket.js'

/**
 * Raise this number when `SessionRecord`, or a record inside, changes so that an earlier process would misread it. Read
 * the version before too: see the promise in the changelog.
 */
export const recordVersion = 1

/** Contains secrets. Times are milliseconds since the handover: earlier times are negative. */
export interface SessionRecord {
  readonly sid: string
  readonly id: string
  readonly domain: string
  /** A full JID. */
  readonly jid: string
  readonly isSecure: boolean | undefined
  readonly createdAt: number
  readonly tab?: TabKey | undefined
  readonly guestAddress?: string | undefined
  readonly ids?: CallIds | undefined
  readonly history?: HistoryRecord | undefined
  readonly wait: { readonly ticket: TicketRecord | undefined } | undefined
  readonly inactivity: InactivityRecord
  readonly outbox: OutboxRecord
  readonly link: LinkRecord
  /** Default: false. */
  readonly isLinkWatched?: boolean | undefined
  readonly clientStates?: ClientStatesRecord | undefined
  readonly client: unknown
  /**
   * Written while the session lived, so it lacks what happened after that, and the stanzas for the page that the
   * server repeats.
   */
  readonly isKept?: boolean | undefined
}

type RecordParts = Pick<SessionRecord, 'jid' | 'outbox' | 'link' | 'client'>

/** Times are relative to `now`. */
export function sessionRecordOf(
  session: Session,
  now: number,
  { jid, outbox, link, client }: RecordParts,
): SessionRecord {
  const { sid, id, domain, isSecure, createdAt, tab, guestAddress, ids, history, stage, inactivity } = session
  const record = inactivity.record(now)
  return {
    sid,
    id,
    domain,
    jid,
    isSecure,
    createdAt: createdAt - now,
    tab,
    guestAddress,
    ids,
    history: history.record,
    wait: stage.isAwaited ? { ticket: stage.ticket?.record(now) } : undefined,
    // While a page is here, the time of its absence has not begun.
    inactivity: session.client?.isPresent === true ? { ...record, since: 0 } : record,
    outbox,
    link,
    isLinkWatched: session.linkNotices.isWatched,
    clientStates: session.clientStates.record(link.isKept === true),
    client,
  }
}

/**
 * From which another process continues the session if this one dies: see `isKept`. Times are relative to `now`.
 * Undefined if no process could.
 */
export function keptRecordOf(session: Session, now: number): SessionRecord | undefined {
  const { jid, client, outbox, uplink, maySetDown } = session
  const { managed } = uplink
  if (!maySetDown || managed === undefined || jid === undefined) return undefined
  const kept = client?.keep?.(now)
  if (kept === undefined) return undefined
  const { resumption = outbox.resumption && { ...outbox.resumption, isKept: true } } = kept
  const record = sessionRecordOf(session, now, {
    jid,
    outbox: outbox.keep(resumption),
    link: { ...managed.keep(now), isKept: true },
    client: kept.client,
  })
  return { ...record, isKept: true }
}
