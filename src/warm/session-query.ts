// The query strings of the addresses that control sessions. Strict: a filter with a slip in its name must not list, let
// alone end, what nobody meant.

import { Problem } from '../errors.js'
import { prepareDomain } from '../jid/domains.js'
import type { Jid } from '../jid/jid.js'
import { parseJid } from '../jid/jid.js'
import type { SessionState, SessionView } from '../sessions.js'
import { type Place, readPlace, type SessionFilter } from './session-list.js'

/** What the query of a list may have. */
export const listParameters = ['jid', 'domain', 'state', 'origin', 'limit', 'after'] as const
/** What the query of a logout may have. */
export const logoutParameters = ['jid'] as const

export const states: ReadonlySet<string> = new Set<SessionState>([
  ...(['opening', 'waiting', 'held', 'quiet', 'paused', 'ended', 'elsewhere'] as const),
])
export const origins: ReadonlySet<string> = new Set<SessionView['origin']>(['warmed', 'client'])

/** How many sessions a list has at a time, unless it is asked for another number, and at most. */
export const usualLimit = 100
export const highestLimit = 1000

const allowed: Readonly<Record<(typeof listParameters)[number], string>> = {
  jid: 'A bare or full JID.',
  domain: 'A domain.',
  state: `One of ${[...states].join(', ')}.`,
  origin: `One of ${[...origins].join(', ')}.`,
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
  const read = <T>(
    name: (typeof listParameters)[number],
    understand: (text: string) => T | undefined,
  ): T | undefined => {
    const text = query.get(name)
    if (text === undefined) return undefined
    return understand(text) ?? refuse(name)
  }
  const word = <T extends string>(name: (typeof listParameters)[number], words: ReadonlySet<string>) =>
    read(name, text => (words.has(text) ? (text as T) : undefined))
  const jid = query.get('jid')
  return {
    jid: jid === undefined ? undefined : readJid(jid),
    domain: read('domain', prepareDomain),
    state: word<SessionState>('state', states),
    origin: word<SessionView['origin']>('origin', origins),
    limit: read('limit', readLimit) ?? usualLimit,
    after: read('after', readPlace),
  }
}

/** Whose sessions are to end: all of a bare JID, or that of a full one. Throws a `Problem`. */
export function readLogoutQuery(url: string): Jid {
  const jid = readQuery(url, logoutParameters).get('jid')
  if (jid === undefined || jid === '') throw new Problem('missing-parameter', { detail: 'Parameter: jid.' })
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

/** The parameters of a URL's query, each of them known, whole and there once. */
function readQuery(url: string, known: readonly string[]): ReadonlyMap<string, string> {
  const query = new Map<string, string>()
  const start = url.indexOf('?')
  for (const pair of start === -1 ? [] : url.slice(start + 1).split('&')) {
    if (pair === '') continue
    const [name, value] = splitAt(pair, '=').map(decode)
    if (name === undefined || !known.includes(name)) {
      throw new Problem('invalid-parameter', { detail: `The query may have ${known.join(', ')}.` })
    }
    if (value === undefined) refuse(name, 'A percent escape in it is broken or not UTF-8.')
    if (query.has(name)) refuse(name, 'It may be there once.')
    query.set(name, value)
  }
  return query
}

function splitAt(text: string, separator: string): [string, string] {
  const place = text.indexOf(separator)
  return place === -1 ? [text, ''] : [text.slice(0, place), text.slice(place + 1)]
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** Names the parameter and says what it may be, but never its value. */
function refuse(name: string, rule = allowed[name as (typeof listParameters)[number]]): never {
  throw new Problem('invalid-parameter', { detail: `Parameter: ${name}. ${rule}` })
}
