import { allowsDomain } from '../jid/domains.js'
import { formatJid } from '../jid/jid.js'
import type { SessionState, Sessions } from '../session/sessions.js'
import type { Values } from './parameter-kinds.js'
import { type listParameters, type Place, usualLimit } from './parameters.js'

/** A part of a list; `total` is how many sessions the whole of it has, `next` where the next part begins, if there is one. */
export type SessionPage = Awaited<ReturnType<typeof listSessions>>

/** The first `limit` sessions after a place that fit the filter and have a domain within the admin's `scope`. */
export async function listSessions(
  sessions: Sessions,
  scope: readonly string[],
  { jid, domain, state, origin, limit = usualLimit, after }: Values<typeof listParameters>,
) {
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

/** How many sessions with a domain within the admin's `scope` stand how; those states only that there are. */
export async function countStates(
  sessions: Sessions,
  scope: readonly string[],
): Promise<ReadonlyMap<SessionState, number>> {
  const counts = new Map<SessionState, number>()
  for (const { domain, state } of await sessions.list())
    if (allowsDomain(scope, domain)) counts.set(state, (counts.get(state) ?? 0) + 1)
  return counts
}

function compare(a: Place, b: Place): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id))
}
