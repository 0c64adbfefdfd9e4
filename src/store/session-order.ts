import { allowsDomain } from '../xmpp/jid/domains.js'
import { isSameJid } from '../xmpp/jid/jid.js'
import type { PageWish, SessionPage, SessionState, StoredSession, VisitKey } from './store.js'

type SortKey = number | string

interface Ranked<T = StoredSession> {
  readonly key: SortKey
  readonly item: T
}

/** Characters. Keys are cut to this length, because a JID may have 3,071 bytes. */
const longestKey = 64
const itemsBetweenPauses = 1024
/** So that also short pages are sorted seldom. */
const slack = 1024

/** Other work can run during long lists. */
export async function pageOf(items: Iterable<StoredSession>, wish: PageWish): Promise<SessionPage> {
  const { limit, after, skip = 0, by = 'opened', isReversed = false } = wish
  const compare = comparing(isReversed)
  const start = after && { key: after.openedAt, item: { id: after.id } }
  const most = skip + limit
  let found: Ranked[] = []
  /** All after it are of later pages. */
  let last: Ranked | undefined
  let total = 0
  let left = 0
  let seen = 0
  for (const item of items) {
    if (++seen % itemsBetweenPauses === 0) await new Promise(setImmediate)
    if (!fits(item, wish)) continue
    total += 1
    const ranked = { key: keyFor(item, by), item }
    if (start !== undefined && compare(ranked, start) <= 0) continue
    left += 1
    if (last !== undefined && compare(ranked, last) > 0) continue
    if (found.push(ranked) < 2 * most + slack) continue
    found = found.sort(compare).slice(0, most)
    last = found.at(-1)
  }
  const page = found.sort(compare).slice(skip, most)
  const end = page.at(-1)?.item
  const isMore = left > skip + page.length && by === 'opened'
  return {
    sessions: page.map(({ item }) => item),
    total,
    next: isMore && end !== undefined ? { openedAt: end.openedAt, id: end.id } : undefined,
  }
}

export async function statesOf(
  items: Iterable<Pick<StoredSession, 'domain' | 'state'>>,
  scope: readonly string[],
): Promise<ReadonlyMap<SessionState, number>> {
  const counts = new Map<SessionState, number>()
  let seen = 0
  for (const { domain, state } of items) {
    if (++seen % itemsBetweenPauses === 0) await new Promise(setImmediate)
    if (allowsDomain(scope, domain)) counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  return counts
}

export function isOfVisit({ tab }: Pick<StoredSession, 'tab'>, { admin, visit, user }: VisitKey): boolean {
  return tab?.visit === visit && tab.admin === admin && (user === undefined || tab.user === user)
}

function fits(item: StoredSession, filter: PageWish): boolean {
  const { scope, user, jid, visit, domain, state, transport, origin, process, search } = filter
  return (
    (user === undefined || item.user === user) &&
    (jid === undefined || isSameJid(item.jid, jid)) &&
    (visit === undefined || isOfVisit(item, visit)) &&
    (domain === undefined || item.domain === domain) &&
    (state === undefined || item.state === state) &&
    (transport === undefined || item.transport === transport) &&
    (origin === undefined || (origin === 'connect' ? item.isPage : item.origin === origin)) &&
    (process === undefined || item.process === process) &&
    (search === undefined || (item.jid ?? item.domain).toLowerCase().includes(search) || item.id === search) &&
    allowsDomain(scope, item.domain)
  )
}

function keyFor({ openedAt, jid, domain, state, quietSince }: StoredSession, by: PageWish['by']): SortKey {
  if (by === 'jid') return (jid ?? domain).slice(0, longestKey).toLowerCase()
  if (by === 'state') return state
  if (by === 'quiet') return quietSince === undefined ? Number.MIN_SAFE_INTEGER : -quietSince
  return openedAt
}

type Comparable = Ranked<Pick<StoredSession, 'id'>>

function comparing(isReversed: boolean): (a: Comparable, b: Comparable) => number {
  const sign = isReversed ? -1 : 1
  return (a, b) => sign * (compareKeys(a.key, b.key) || compareKeys(a.item.id, b.item.id))
}

function compareKeys<T extends SortKey>(a: T, b: T): number {
  return a < b ? -1 : Number(a > b)
}
