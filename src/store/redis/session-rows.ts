// A session in Redis: one line of fields between tabs. What filters and orders read comes first.
import { attempt } from '../../lib/attempt.js'
import type { Listed } from '../session-page.js'
import type { StoredSession } from '../store.js'

type Rest = Pick<StoredSession, 'user' | 'address' | 'admin' | 'tab'>

interface ReadRow extends Listed {
  readonly rest: string
}

/** The process must be first: scripts read it. */
export function rowOf(session: StoredSession): string {
  const { user, address, admin, tab } = session
  const rest: Rest = { user, address, admin, tab }
  return [
    session.process,
    session.id,
    session.openedAt,
    session.state,
    session.quietSince ?? '',
    session.transport ?? '',
    session.origin,
    session.isPage ? 1 : 0,
    escaped(session.domain),
    session.jid === undefined ? '' : escaped(session.jid),
    JSON.stringify(rest),
  ].join('\t')
}

export function readRow(row: string): ReadRow {
  const fields = row.split('\t')
  return {
    process: fields[0]!,
    id: fields[1]!,
    openedAt: Number(fields[2]),
    state: fields[3] as StoredSession['state'],
    quietSince: fields[4] === '' ? undefined : Number(fields[4]),
    transport: fields[5] === '' ? undefined : (fields[5] as StoredSession['transport']),
    origin: fields[6] as StoredSession['origin'],
    isPage: fields[7] === '1',
    domain: unescaped(fields[8] ?? ''),
    jid: fields[9] ? unescaped(fields[9]) : undefined,
    rest: fields[10] ?? '',
  }
}

export function completed({ rest, ...listed }: ReadRow): StoredSession {
  // Somebody else may have written the row.
  return { ...listed, ...attempt(() => JSON.parse(rest) as Rest) }
}

export const readSession = (row: string): StoredSession => completed(readRow(row))

function escaped(text: string): string {
  return text.replace(/[%\t]/g, character => encodeURIComponent(character))
}

function unescaped(text: string): string {
  return text.includes('%') ? text.replace(/%(?:25|09)/g, decodeURIComponent) : text
}
