// The query strings of the addresses that control sessions. An unknown name is an error: a list with a misspelt filter
// would show, and a logout end, sessions that were not meant.
import { Problem } from '../errors.js'
import { prepareDomain } from '../jid/domains.js'
import { type Jid, parseJid } from '../jid/jid.js'
import { formPairs } from '../lib/form-pairs.js'
import type { SessionState, SessionView } from '../session/sessions.js'
import { badParameter, brokenEscape, missingParameter, onlyOnce } from './call-parameters.js'
import { type Place, readPlace, type SessionFilter } from './session-list.js'

/** What the query of a list may have. */
export const listParameters = ['jid', 'domain', 'state', 'origin', 'limit', 'after'] as const
/** What the query of a logout may have. */
export const logoutParameters = ['jid'] as const

type QueryName = (typeof listParameters)[number]
type Query = ReadonlyMap<QueryName, string>

export const states = [
  'opening',
  'waiting',
  'held',
  'quiet',
  'paused',
  'ended',
  'elsewhere',
] as const satisfies readonly SessionState[]
export const origins = ['warmed', 'client'] as const satisfies readonly SessionView['origin'][]

/** How many sessions a list has at a time by default, and at most. */
export const usualLimit = 100
export const highestLimit = 1000

const allowed: Readonly<Record<QueryName, string>> = {
  jid: 'A bare or full JID.',
  domain: 'A domain.',
  state: `One of ${states.join(', ')}.`,
  origin: `One of ${origins.join(', ')}.`,
  limit: `A whole number from 1 to ${highestLimit}.`,
  after: 'The value of "next" in the list before.',
}

/** Which sessions a list is to have, and how many of them. */
export interface SessionQuery extends SessionFilter {
  readonly limit: number
  /** Where the list before ended. */
  readonly after: Place | undefined
}

/** What the query of a list asks for. Throws a `Problem`, whose detail names the parameter and never its value. */
export function readSessionQuery(url: string): SessionQuery {
  const query = readQuery(url, listParameters)
  const jid = query.get('jid')
  return {
    jid: jid === undefined ? undefined : readJid(jid),
    domain: readValue(query, 'domain', prepareDomain),
    state: readValue(query, 'state', text => states.find(state => state === text)),
    origin: readValue(query, 'origin', text => origins.find(origin => origin === text)),
    limit: readValue(query, 'limit', readLimit) ?? usualLimit,
    after: readValue(query, 'after', readPlace),
  }
}

/** Which sessions are to end: all of a bare JID, or that of a full one. Throws a `Problem`. */
export function readLogoutQuery(url: string): Jid {
  const jid = readQuery(url, logoutParameters).get('jid')
  if (jid === undefined || jid === '') throw missingParameter('jid')
  return readJid(jid)
}

function readJid(text: string): Jid {
  const jid = parseJid(text)
  if (jid === undefined) throw new Problem('invalid-jid')
  return jid
}

function readLimit(text: string): number | undefined {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return limit >= 1 && limit <= highestLimit ? limit : undefined
}

/** The value of a parameter, undefined where it was not given. Throws a `Problem` where `understand` gives undefined. */
function readValue<T>(
  query: Query,
  name: QueryName,
  understand: (text: string) => T | undefined,
): T | undefined {
  const text = query.get(name)
  if (text === undefined) return undefined
  const value = understand(text)
  if (value === undefined) throw badParameter(name, allowed[name])
  return value
}

/** The parameters of a URL's query. Throws a `Problem` for one that is unknown, cannot be decoded, or comes twice. */
function readQuery(url: string, known: readonly QueryName[]): Query {
  const query = new Map<QueryName, string>()
  const start = url.indexOf('?')
  for (const [written, value] of formPairs(start === -1 ? '' : url.slice(start + 1))) {
    const name = known.find(each => each === written)
    if (name === undefined)
      throw new Problem('invalid-parameter', { detail: `The query may have ${known.join(', ')}.` })
    if (value === undefined) throw badParameter(name, brokenEscape)
    if (query.has(name)) throw badParameter(name, onlyOnce)
    query.set(name, value)
  }
  return query
}
