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

const texts = ['id', 'process', 'domain', 'origin', 'state']
const optionalTexts = ['jid', 'user', 'address', 'admin', 'transport']

/** Returns nothing if there is no session, or one that another version or program has written. */
export function readSession(row: string): [StoredSession] | [] {
  const session: Readonly<Record<string, unknown>> | null | undefined = attempt(() =>
    JSON.parse(row.slice(row.indexOf('\t') + 1)),
  )
  if (typeof session?.['openedAt'] !== 'number' || session['tab'] === null) return []
  const isText = (name: string) => typeof session[name] === 'string'
  const isSession = texts.every(isText) && optionalTexts.every(name => session[name] === undefined || isText(name))
  return isSession ? [session as unknown as StoredSession] : []
}
