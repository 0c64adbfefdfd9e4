import { type Answer, contentTypes } from '../http/answer.js'
import type { Representation } from '../http/negotiation.js'
import { renderPage } from '../http/views.js'
import { withULabels } from '../jid/domains.js'
import type { SessionView } from '../sessions.js'
import { formatPlace, type SessionPage } from './session-list.js'

/** What the answers about sessions are written with. */
export interface SessionReplyContext {
  readonly representation: Representation
  /** The path before our own addresses. */
  readonly home: string
  /** The path of the warm API, behind `home`. */
  readonly warmPath: string
  /** The moment to count ages from, in milliseconds of the clock. */
  readonly now: number
}

/** One session, as JSON or as a page. */
export function sessionAnswer(view: SessionView, context: SessionReplyContext): Answer {
  if (context.representation === 'json') return json(describe(view, context.now))
  return page({ title: 'Session', caption: 'One session', sessions: [view], next: undefined }, context)
}

/** A part of a list of sessions, as JSON or as a page. `url` is the address that it was asked for at. */
export function sessionsAnswer(
  { sessions, total, next }: SessionPage,
  url: string,
  context: SessionReplyContext,
): Answer {
  const after = next && formatPlace(next)
  if (context.representation === 'json') {
    return json({ sessions: sessions.map(view => describe(view, context.now)), total, next: after })
  }
  const caption =
    sessions.length < total ? `${sessions.length} of ${total} sessions` : `All ${total} sessions`
  const query = new URLSearchParams(url.replace(/^[^?]*/, ''))
  if (after !== undefined) query.set('after', after)
  return page({ title: 'Sessions', caption, sessions, next: after && `?${query}` }, context)
}

/** How many sessions were ended, and how many there may be elsewhere, which cannot be. */
export function endedAnswer(counts: { ended: number; elsewhere: number | undefined }): Answer {
  return json(counts)
}

/** A session as JSON has it. */
export type SessionObject = ReturnType<typeof describe>

/** What may be known of a session; its ages in whole seconds. */
function describe({ id, jid, domain, origin, state, createdAt, quietSince }: SessionView, now: number) {
  const seconds = (since: number) => Math.floor((now - since) / 1000)
  const quiet = quietSince === undefined ? undefined : seconds(quietSince)
  return { id, jid, domain: withULabels(domain), origin, state, age: seconds(createdAt), quiet }
}

function json(value: object): Answer {
  return { status: 200, headers: { 'Content-Type': contentTypes.json }, body: JSON.stringify(value) }
}

interface Table {
  readonly title: string
  readonly caption: string
  readonly sessions: readonly SessionView[]
  /** The query of the page that follows. */
  readonly next: string | undefined
}

function page(
  { title, caption, sessions, next }: Table,
  { representation, home, warmPath, now }: SessionReplyContext,
): Answer {
  const rows = sessions.map(view => {
    const { id, jid, domain, origin, state, age, quiet } = describe(view, now)
    return {
      id,
      who: jid ?? `(at ${domain})`,
      origin,
      state,
      age: span(age),
      quiet: quiet === undefined ? '–' : span(quiet),
    }
  })
  const body = renderPage('sessions', { title, caption, rows, next, home, path: home + warmPath })
  return { status: 200, headers: { 'Content-Type': contentTypes[representation] }, body }
}

/** A time for people, in the largest unit that it fills. */
function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
