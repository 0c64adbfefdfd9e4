import { allowsDomain } from '../../xmpp/jid/domains.js'
import type {
  ListWish,
  Order,
  Place,
  SessionFilter,
  SessionList,
  SessionState,
  SessionView,
  SortedBy,
  Tab,
  VisitName,
} from '../session-types.js'
import { sorted } from './sorted.js'

export interface Rank {
  readonly key: number | string
  readonly id: string
}

interface Ranked {
  readonly rank: Rank
  readonly view: SessionView
}

/** Characters. Keys are cut to this length, because a JID may have 3,071 bytes. */
const longestKey = 64

export const oldestFirst: Order = { by: 'opened', isReversed: false }

/** A generator yields this value when a pause is due. */
const pause = undefined
const viewsBetweenPauses = 128

export function* listOf(
  views: Iterable<SessionView>,
  { limit, after, order = oldestFirst, ...filter }: Omit<ListWish, 'jid' | 'skip'>,
  epoch = 0,
): Generator<undefined, SessionList> {
  const compare = comparing(order)
  const start = after && { key: after.createdAt, id: after.id }
  const first = new FirstOf<Ranked>(limit, (a, b) => compare(a.rank, b.rank))
  let total = 0
  let left = 0
  for (const view of fitting(views, filter)) {
    if (view === pause) {
      yield
      continue
    }
    total += 1
    const rank = rankOf(view, order.by, epoch)
    if (start !== undefined && compare(rank, start) <= 0) continue
    left += 1
    first.add({ rank, view })
  }
  const page = first.items
  const isMore = left > page.length && order.by === 'opened'
  const last = page.at(-1)?.rank
  return {
    sessions: page.map(({ view }) => view),
    total,
    next: isMore && last !== undefined ? placeOf(last) : undefined,
    unanswered: undefined,
  }
}

export function ranksOf(
  views: Iterable<SessionView>,
  { order = oldestFirst, ...filter }: Omit<ListWish, 'jid'>,
  epoch = 0,
): Generator<undefined, readonly Rank[]> {
  function* ranks() {
    for (const view of fitting(views, filter)) yield view === pause ? pause : rankOf(view, order.by, epoch)
  }
  return sorted(ranks(), comparing(order))
}

function* fitting(views: Iterable<SessionView>, filter: SessionFilter): Generator<SessionView | typeof pause> {
  for (const view of withPauses(views)) if (view === pause || fits(view, filter)) yield view
}

function* withPauses<T>(items: Iterable<T>): Generator<T | typeof pause> {
  let seen = 0
  for (const item of items) {
    yield item
    if (++seen % viewsBetweenPauses === 0) yield pause
  }
}

function fits(view: SessionView, { scope, domain, state, transport, origin, visit, search }: SessionFilter): boolean {
  return (
    (domain === undefined || view.domain === domain) &&
    (state === undefined || view.state === state) &&
    (transport === undefined || view.transport === transport) &&
    (origin === undefined || view.origin === origin || (origin === 'connect' && view.openedBy?.isPage === true)) &&
    (visit === undefined || isOfVisit(view.tab, visit)) &&
    (search === undefined || (view.jid ?? view.domain).toLowerCase().includes(search) || view.id === search) &&
    allowsDomain(scope, view.domain)
  )
}

export function isOfVisit(tab: Tab | undefined, { admin, visit, user }: VisitName): boolean {
  return tab?.visit === visit && tab.admin === admin && (user === undefined || tab.user === user)
}

export function rankOf(view: SessionView, by: SortedBy, epoch: number): Rank {
  return { key: keyFor(view, by, epoch), id: view.id }
}

function keyFor({ createdAt, jid, domain, state, quietSince }: SessionView, by: SortedBy, epoch: number) {
  if (by === 'opened') return createdAt + epoch
  if (by === 'jid') return (jid ?? domain).slice(0, longestKey).toLowerCase()
  if (by === 'state') return state
  return quietSince === undefined ? Number.MIN_SAFE_INTEGER : -(quietSince + epoch)
}

/** Only for ranks sorted by `opened`, because their `key` is a time. */
export function placeOf({ key, id }: Rank): Place {
  return { createdAt: Number(key), id }
}

export function comparing({ isReversed }: Order): (a: Rank, b: Rank) => number {
  const sign = isReversed ? -1 : 1
  return (a, b) => sign * (compareKeys(a.key, b.key) || compareKeys(a.id, b.id))
}

function compareKeys<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : Number(a > b)
}

export function* countStates(
  sessions: Iterable<Pick<SessionView, 'domain' | 'state'>>,
  scope: readonly string[],
  counts = new Map<SessionState, number>(),
): Generator<undefined, Map<SessionState, number>> {
  for (const session of withPauses(sessions)) {
    if (session === pause) yield
    else if (allowsDomain(scope, session.domain)) counts.set(session.state, (counts.get(session.state) ?? 0) + 1)
  }
  return counts
}

/** Keeps the first `most` items. Sorts seldom, so the cost is linear. */
export class FirstOf<T> {
  readonly #most: number
  readonly #compare: (a: T, b: T) => number
  #items: T[] = []
  #last: T | undefined

  constructor(most: number, compare: (a: T, b: T) => number) {
    this.#most = most
    this.#compare = compare
  }

  add(item: T): void {
    if (this.#last !== undefined && this.#compare(item, this.#last) > 0) return
    this.#items.push(item)
    if (this.#items.length >= 2 * this.#most + slack) this.#shorten()
  }

  get items(): readonly T[] {
    this.#shorten()
    return this.#items
  }

  #shorten(): void {
    this.#items.sort(this.#compare)
    if (this.#items.length <= this.#most) return
    this.#items.length = this.#most
    this.#last = this.#items.at(-1)
  }
}

const slack = 64
