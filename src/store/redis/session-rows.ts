import { attempt } from '../../lib/attempt.js'
import type { StoredSession } from '../store.js'

/** Of a session and its tab. Nothing else is stored, such as the secrets of an entry. */
const fields = [
  ...['id', 'process', 'domain', 'jid', 'user', 'address', 'origin', 'admin', 'isPage', 'tab', 'visit'],
  ...['openedAt', 'state', 'transport', 'quietSince'],
]

/** A session in Redis. Scripts read the process before the tab. */
export function rowOf(session: StoredSession): string {
  return `${session.process}\t${JSON.stringify(session, fields)}`
}

/** Returns nothing if there is no session, or one that another version has written. */
export function readSession(row: string): [StoredSession] | [] {
  const session: StoredSession | null | undefined = attempt(() => JSON.parse(row.slice(row.indexOf('\t') + 1)))
  return typeof session?.id === 'string' ? [session] : []
}
