import type { LinkRecord } from './link/managed-link.js'
import type { OutboxRecord } from './outbox.js'
import type { Session } from './session.js'

/**
 * Raise this number when `SessionRecord`, or a record inside, changes so that an earlier process would misread it. Read
 * the version before too: see the promise in the changelog.
 */
export const recordVersion = 1

export type SessionRecord = ReturnType<typeof sessionRecordOf> & {
  /**
   * Written while the session lived, so it lacks what happened after that, and the stanzas for the page that the
   * server repeats.
   */
  readonly isKept?: boolean | undefined
}

/** Contains secrets. Times are milliseconds since `now`: earlier times are negative. */
export function sessionRecordOf(
  session: Session,
  now: number,
  outbox: OutboxRecord,
  link: LinkRecord,
  client: unknown,
) {
  const { sid, id, jid, domain, isSecure, createdAt, tab, guestAddress, ids, history, stage, inactivity } = session
  const record = inactivity.record(now)
  return {
    sid,
    id,
    domain,
    // A full JID: only sessions that are logged in have a record.
    jid: jid!,
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
  const { client, outbox, uplink, maySetDown } = session
  const { managed } = uplink
  if (!maySetDown || managed === undefined) return undefined
  const kept = client?.keep?.(now)
  if (kept === undefined) return undefined
  const { resumption = outbox.resumption && { ...outbox.resumption, isKept: true } } = kept
  const link = { ...managed.keep(now), isKept: true }
  return { ...sessionRecordOf(session, now, outbox.keep(resumption), link, kept.client), isKept: true }
}
