import { attempt } from '../../lib/attempt.js'
import type { StoredSession } from '../store.js'

/** A session in Redis. Scripts read the process before the tab. */
export function rowOf(session: StoredSession): string {
  return `${session.process}\t${JSON.stringify(session)}`
}

/** Undefined for a row that another version has written. */
export function readSession(row: string): StoredSession | undefined {
  return attempt(() => JSON.parse(row.slice(row.indexOf('\t') + 1)) as StoredSession)
}
