import { userOf } from '../../xmpp/jid/jid.js'
import type { ClientAttempts } from '../logins/client-attempts.js'

/** A session without a login. */
export interface Stranger {
  readonly session: { end(reason: 'limit', how: 'evicted'): void }
  readonly logins: Pick<ClientAttempts, 'refused' | 'isSilent' | 'delayedJid'>
  readonly since: number
}

/** Milliseconds until a session without an attempt to log in may be ended. */
const patience = 5_000
const mostOfUser = 2

/** The most suspicious of an address's sessions, the oldest first. Undefined if none is suspicious. */
export function mostSuspicious(strangers: Iterable<Stranger>, now: number): Stranger | undefined {
  const all = [...strangers]
  return (
    mostRefused(all) ??
    all.find(({ logins, since }) => logins.isSilent && now - since >= patience) ??
    lastOfSameUser(all)
  )
}

function mostRefused(strangers: readonly Stranger[]): Stranger | undefined {
  let worst: Stranger | undefined
  for (const stranger of strangers) if (stranger.logins.refused > (worst?.logins.refused ?? 0)) worst = stranger
  return worst
}

function lastOfSameUser(strangers: readonly Stranger[]): Stranger | undefined {
  const groups = new Map<string, { count: number; last: Stranger }>()
  let largest: { count: number; last: Stranger } | undefined
  for (const stranger of strangers) {
    const jid = stranger.logins.delayedJid
    if (jid === undefined) continue
    const user = userOf(jid)
    const group = { count: (groups.get(user)?.count ?? 0) + 1, last: stranger }
    groups.set(user, group)
    if (group.count > (largest?.count ?? mostOfUser)) largest = group
  }
  return largest?.last
}
