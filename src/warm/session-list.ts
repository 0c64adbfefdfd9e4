import { allowsDomain } from '../jid/domains.js'
import { formatJid, type Jid } from '../jid/jid.js'
import type { Sessions, SessionView } from '../session/sessions.js'
import { handlePattern } from '../session/sid.js'

/** Which sessions a list has, and how many of them; what is undefined does not count. */
export interface SessionQuery {
  /** Bare or full. */
  readonly jid: Jid | undefined
  readonly domain: string | undefined
  readonly state: SessionView['state'] | undefined
  readonly origin: SessionView['origin'] | undefined
  readonly limit: number
  /** Where the list before ended. */
  readonly after: Place | undefined
}

/** A place in the list of all sessions; valid even after the session there has ended. */
export type Place = Pick<SessionView, 'createdAt' | 'id'>

/** A part of a list. */
export interface SessionPage {
  readonly sessions: readonly SessionView[]
  /** The number of sessions in the whole list. */
  readonly total: number
  /** Where the next part begins; undefined at the end. */
  readonly next: Place | undefined
}

/** The first `limit` sessions after a place that fit the filter and have a domain within the admin's `scope`. */
export async function listSessions(
  sessions: Sessions,
  scope: readonly string[],
  { jid, domain, state, origin, limit, after }: SessionQuery,
): Promise<SessionPage> {
  const all = await (jid === undefined ? sessions.list() : sessions.ofJid(formatJid(jid)))
  const fitting = all
    .filter(
      view =>
        (domain === undefined || view.domain === domain) &&
        (state === undefined || view.state === state) &&
        (origin === undefined || view.origin === origin) &&
        allowsDomain(scope, view.domain),
    )
    // They come in this order but for sessions of the same moment. Those need an order too: a place must not move.
    .sort(compare)
  const start = after === undefined ? 0 : fitting.findIndex(view => compare(view, after) > 0)
  const page = start === -1 ? [] : fitting.slice(start, start + limit)
  const last = page.at(-1)
  return { sessions: page, total: fitting.length, next: last === fitting.at(-1) ? undefined : last }
}

/** A place as it stands in a URL. */
export function formatPlace({ createdAt, id }: Place): string {
  return `${createdAt}-${id}`
}

export const placePattern = new RegExp(`^(\\d{1,16}(?:\\.\\d{1,20})?)-(${handlePattern})$`)

/** The place that a URL has; undefined where the text is none. */
export function readPlace(text: string): Place | undefined {
  const [, createdAt, id] = placePattern.exec(text) ?? []
  return createdAt === undefined || id === undefined ? undefined : { createdAt: Number(createdAt), id }
}

function compare(a: Place, b: Place): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id))
}
