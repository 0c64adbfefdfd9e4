import { attempt } from '../../lib/attempt.js'
import type { StoredSession } from '../store.js'

/** A session in Redis. Scripts read the process before the tab. */
export function rowOf(session: StoredSession): string {
  return `${session.process}\t${JSON.stringify(session)}`
}

/** Returns nothing if there is no session, or one that another version has written. */
export function readSession(row: string): [StoredSession] | [] {
  const session = attempt(() => JSON.parse(row.slice(row.indexOf('\t') + 1)) as StoredSession)
  return session === undefined ? [] : [session]
}
