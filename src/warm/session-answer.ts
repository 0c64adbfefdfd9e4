import { type Answer, jsonAnswer, pageAnswer } from '../http/answer.js'
import type { Representation } from '../http/negotiation.js'
import { withULabels } from '../jid/domains.js'
import type { SessionView } from '../session/sessions.js'
import { formatPlace, type SessionPage } from './session-list.js'

/** What the answers about sessions depend on beside the sessions. */
export interface AnswerContext {
  readonly representation: Representation
  /** The path before our own addresses. */
  readonly home: string
  /** The path of the warm API, behind `home`. */
  readonly warmPath: string
  /** The moment from which ages are counted, in milliseconds of the clock. */
  readonly now: number
}

/** One session, as JSON or as a page. */
export function sessionAnswer(view: SessionView, context: AnswerContext): Answer {
  if (context.representation === 'json') return jsonAnswer(describe(view, context.now))
  return table({ title: 'Session', caption: 'One session', sessions: [view], next: undefined }, context)
}

/** A part of a list of sessions, as JSON or as a page. `url` is the address that was called. */
export function sessionsAnswer(
  { sessions, total, next }: SessionPage,
  url: string,
  context: AnswerContext,
): Answer {
  const after = next && formatPlace(next)
  if (context.representation === 'json')
    return jsonAnswer({ sessions: sessions.map(view => describe(view, context.now)), total, next: after })
  const caption =
    sessions.length < total ? `${sessions.length} of ${total} sessions` : `All ${total} sessions`
  const query = new URLSearchParams(url.replace(/^[^?]*/, ''))
  if (after !== undefined) query.set('after', after)
  return table({ title: 'Sessions', caption, sessions, next: after && `?${query}` }, context)
}

/** A session as JSON has it. */
export type SessionObject = ReturnType<typeof describe>

/** What a backend may know of a session; ages are in whole seconds. */
function describe({ id, jid, domain, origin, state, createdAt, quietSince }: SessionView, now: number) {
  const seconds = (since: number) => Math.floor((now - since) / 1000)
  const quiet = quietSince === undefined ? undefined : seconds(quietSince)
  return { id, jid, domain: withULabels(domain), origin, state, age: seconds(createdAt), quiet }
}

interface Table {
  readonly title: string
  readonly caption: string
  readonly sessions: readonly SessionView[]
  /** The query of the page that follows. */
  readonly next: string | undefined
}

function table(
  { title, caption, sessions, next }: Table,
  { representation, home, warmPath, now }: AnswerContext,
): Answer {
  const rows = sessions.map(view => {
    const { id, jid, domain, origin, state, age, quiet } = describe(view, now)
    const who = jid ?? `(at ${domain})`
    return { id, who, origin, state, age: span(age), quiet: quiet === undefined ? '–' : span(quiet) }
  })
  return pageAnswer('sessions', { title, caption, rows, next, home, path: home + warmPath }, representation)
}

/** A time for people, in the largest unit that it fills. */
function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
