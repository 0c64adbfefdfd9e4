import { allowsDomain } from '../xmpp/jid/domains.js'
import type { ListWish, Place, SessionList, SessionState, SessionView, Tab, VisitName } from './session-types.js'

export function listOf(
  views: Iterable<SessionView>,
  { scope, domain, state, origin, visit, limit, after }: Omit<ListWish, 'jid'>,
  epoch = 0,
): SessionList {
  const fitting = [...views]
    .filter(
      view =>
        (domain === undefined || view.domain === domain) &&
        (state === undefined || view.state === state) &&
        (origin === undefined || view.origin === origin) &&
        (visit === undefined || isOfVisit(view.tab, visit)) &&
        allowsDomain(scope, view.domain),
    )
    .map(view => ({ view, place: placeOf(view, epoch) }))
    // Sessions of the same moment need a stable order, so that places do not move.
    .sort((a, b) => compare(a.place, b.place))
  const start = after === undefined ? 0 : fitting.findIndex(({ place }) => compare(place, after) > 0)
  const page = start === -1 ? [] : fitting.slice(start, start + limit)
  const last = page.at(-1)
  return {
    sessions: page.map(({ view }) => view),
    total: fitting.length,
    next: last === fitting.at(-1) ? undefined : last?.place,
    unanswered: undefined,
  }
}

export function isOfVisit(tab: Tab | undefined, { admin, visit, user }: VisitName): boolean {
  return tab?.visit === visit && tab.admin === admin && (user === undefined || tab.user === user)
}

export function placeOf({ createdAt, id }: SessionView, epoch: number): Place {
  return { createdAt: createdAt + epoch, id }
}

export function compare(a: Place, b: Place): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id))
}

export function countStates(views: Iterable<SessionView>, scope: readonly string[]): Map<SessionState, number> {
  const counts = new Map<SessionState, number>()
  for (const { domain, state } of views)
    if (allowsDomain(scope, domain)) counts.set(state, (counts.get(state) ?? 0) + 1)
  return counts
}
