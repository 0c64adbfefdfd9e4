import { randomUUID } from 'node:crypto'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import { askAll } from '../../processes/exchanges/ask-all.js'
import { nodeIn } from '../../processes/node-name.js'
import { NoAnswer, type Nodes } from '../../processes/nodes.js'
import type {
  EndedHere,
  EndedSessions,
  Handover,
  ListWish,
  ResumedSession,
  SessionDetails,
  SessionList,
  SessionState,
  Sessions,
  SessionView,
} from '../session-types.js'
import { numberedPage, type Range, Readings, type Spread, spreadOf } from './numbered-pages.js'
import type { OwnSessions } from './own-sessions.js'
import { comparing, oldestFirst, placeOf, type Rank, rankOf } from './session-list.js'

/** Views have ages instead of times, because each process has its own clock. */
interface CarriedPage {
  readonly sessions: readonly (readonly [Rank, SessionView])[]
  readonly total: number
  readonly more: boolean
}

interface SpreadWish {
  readonly reading: string
  readonly wish: ListWish
  readonly range: Range
  readonly most: number
}

const mostMoves = 3

interface OfOne {
  readonly id: string
  readonly handover: Handover
}

/** Call this once, because the system time may change. */
export const epochOf = (clock: Pick<Clock, 'now'>): number => Date.now() - clock.now()

export function sharedSessions(own: OwnSessions, nodes: Nodes, clock: Clock, epoch: number): Sessions {
  const convertTimes = <View extends SessionView>(view: View): View => {
    const now = clock.now()
    const { createdAt, quietSince } = view
    return {
      ...view,
      createdAt: now - createdAt,
      quietSince: quietSince === undefined ? undefined : now - quietSince,
    }
  }

  const convertDetails = (view: SessionDetails | undefined): SessionDetails | undefined => {
    const now = clock.now()
    const history = view?.history?.map(({ event, at }) => ({ event, at: now - at }))
    const endsAt = view?.endsAt === undefined ? undefined : now - view.endsAt
    return view && { ...convertTimes(view), endsAt, history }
  }

  const ownPage = async (wish: ListWish): Promise<CarriedPage> => {
    const { by } = wish.order ?? oldestFirst
    const { sessions, total, next } = await own.page(wish)
    return {
      sessions: sessions.map(view => [rankOf(view, by, epoch), convertTimes(view)]),
      total,
      more: next !== undefined,
    }
  }

  const readings = new Readings(clock)
  const ownSpread = async ({ reading, wish, range, most }: SpreadWish): Promise<Spread> => {
    const ranks = await readings.of(reading, () => own.ranks(wish))
    return spreadOf(ranks, comparing(wish.order ?? oldestFirst), range, most)
  }

  const ownViews = (ids: readonly string[]) => own.views(ids).map(convertTimes)

  nodes.answer('session', (id: string) => convertDetails(own.get(id)) ?? null)
  nodes.answer('session-list', ownPage)
  nodes.answer('session-spread', ownSpread)
  nodes.answer('session-views', ownViews)
  nodes.answer('states', async (scope: readonly string[]) => [...(await own.states(scope))])
  nodes.answer('resume', ({ id, handover }: OfOne) => own.resume(id, handover) ?? null)
  nodes.answer('end', (id: string) => own.end(id))
  nodes.answer('end-all', (jid: string) => own.endAll(jid))

  const unreachable = (node: string) =>
    new Problem('session-unreachable', { detail: `The process ${node || 'of the session'} did not answer.` })

  const isLost = (id: string): boolean => {
    const name = nodeIn(id) ?? ''
    return nodes.owner(name) === undefined && nodes.lost.includes(name)
  }

  const ownerOf = (name: string): string | Promise<string | undefined> =>
    nodes.owner(name) ?? new Promise(resolve => nodes.whenOwned(name, 0, resolve))

  /** If the session has moved, asks the heir. Without `onRepeat`, an unanswered question is not repeated. */
  const askOwner = async <T>(
    id: string,
    here: () => T | undefined,
    kind: string,
    question: unknown,
    onRepeat?: () => void,
  ): Promise<T | undefined> => {
    const name = nodeIn(id) ?? ''
    for (let moves = 0; ; moves++) {
      const node = await ownerOf(name)
      if (node === undefined && nodes.isAwaited(name)) throw unreachable(name)
      const hasMoved = () => {
        const owner = nodes.owner(name)
        return moves < mostMoves && owner !== node && (owner !== undefined || nodes.isAwaited(name))
      }
      if (node === undefined || node === nodes.self) {
        const found = here()
        if (found || !hasMoved()) return found
        continue
      }
      try {
        const found = (await nodes.ask(node, kind, question)) as T | null
        if (found || !hasMoved()) return found ?? undefined
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        const isElsewhere = hasMoved()
        if (error.reason === 'gone' && !isElsewhere) return undefined
        if (!isElsewhere || onRepeat === undefined) throw unreachable(node)
        onRepeat()
      }
    }
  }

  const askFor = async <Question, T>(
    { process }: ListWish,
    kind: string,
    question: (processes: number) => Question,
    here: (question: Question) => Promise<T>,
  ) => {
    const owner = process === undefined ? undefined : nodes.owner(process)
    const isAsked = (name: string) => process === undefined || name === owner
    const others = nodes.others.filter(({ name }) => isAsked(name))
    const asked = question(others.length + 1)
    const answering = askAll<T>(
      {
        others,
        lost: nodes.lost.filter(isAsked),
        awaited: nodes.awaited.filter(name => process === undefined || name === process),
        ask: nodes.ask,
      },
      kind,
      asked,
    )
    const own: [string, T][] = isAsked(nodes.self) ? [[nodes.self, await here(asked)]] : []
    const { answers, unanswered } = await answering
    return { parts: [...own, ...answers], unanswered }
  }

  const firstPage = async (wish: ListWish): Promise<SessionList> => {
    const { limit, order = oldestFirst } = wish
    const compare = comparing(order)
    const { parts, unanswered } = await askFor(wish, 'session-list', () => wish, ownPage)
    const merged = parts
      .flatMap(([process, { sessions }]) => sessions.map(([rank, view]) => ({ rank, view, process })))
      .sort((a, b) => compare(a.rank, b.rank))
    const page = merged.slice(0, limit)
    // `next` skips no session: each process has sent its first `limit` sessions.
    const isMore = merged.length > page.length || parts.some(([, { more }]) => more)
    const last = page.at(-1)?.rank
    return {
      sessions: page.map(({ view, process }) => ({ ...convertTimes(view), process })),
      total: parts.reduce((sum, [, { total }]) => sum + total, 0),
      next: isMore && order.by === 'opened' && last !== undefined ? placeOf(last) : undefined,
      unanswered,
    }
  }

  const viewsAt = async (places: readonly (readonly [process: string, id: string])[]) => {
    const idsOf = new Map<string, string[]>()
    for (const [process, id] of places) {
      const ids = idsOf.get(process)
      if (ids === undefined) idsOf.set(process, [id])
      else ids.push(id)
    }
    const views = new Map<string, SessionView>()
    await Promise.all(
      [...idsOf].map(async ([process, ids]) => {
        const asked = process === nodes.self ? ownViews(ids) : nodes.ask(process, 'session-views', ids).catch(() => [])
        for (const view of (await asked) as readonly SessionView[])
          views.set(view.id, { ...convertTimes(view), process })
      }),
    )
    return views
  }

  const laterPage = async ({ skip = 0, ...wish }: ListWish): Promise<SessionList> => {
    const { limit, order = oldestFirst } = wish
    const reading = randomUUID()
    const missing = new Set<string>()
    let answered: readonly string[] | undefined
    const spreads = async (range: Range, mostOf: (processes: number) => number) => {
      const asked = { reading, wish, range }
      if (answered === undefined) {
        const question = (processes: number) => ({ ...asked, most: mostOf(processes) })
        const { parts, unanswered = [] } = await askFor(wish, 'session-spread', question, ownSpread)
        answered = parts.map(([process]) => process)
        for (const process of unanswered) missing.add(process)
        return parts
      }
      const question: SpreadWish = { ...asked, most: mostOf(answered.length) }
      const parts = await Promise.all(
        answered.map(async process => {
          const asking = process === nodes.self ? ownSpread(question) : nodes.ask(process, 'session-spread', question)
          const spread = await asking.catch(() => undefined)
          if (spread === undefined) missing.add(process)
          return [process, spread as Spread | undefined] as const
        }),
      )
      const known = parts.filter((part): part is readonly [string, Spread] => part[1] !== undefined)
      answered = known.map(([process]) => process)
      return known
    }
    const { page, total } = await numberedPage({ skip, limit, compare: comparing(order) }, spreads)
    const views = await viewsAt(page.map(({ process, id }) => [process, id]))
    return {
      sessions: page.flatMap(({ id }) => views.get(id) ?? []),
      total,
      next: undefined,
      unanswered: missing.size === 0 ? undefined : [...missing].sort(),
    }
  }

  return {
    get processes() {
      return [nodes.self, ...nodes.others.map(({ name }) => name)].sort()
    },

    async get(id) {
      const view = await askOwner<SessionDetails>(
        id,
        () => convertDetails(own.get(id)),
        'session',
        id,
        () => {},
      )
      return view && { ...convertDetails(view)!, process: nodes.owner(nodeIn(id) ?? '') }
    },

    isLost,

    async getMany(ids) {
      const places = ids.flatMap(id => {
        const process = nodes.owner(nodeIn(id) ?? '')
        return process === undefined ? [] : [[process, id] as const]
      })
      return [...(await viewsAt(places)).values()]
    },

    page: wish => (wish.skip ? laterPage(wish) : firstPage(wish)),

    async states(scope) {
      const asked = askAll<readonly (readonly [SessionState, number])[]>(nodes, 'states', scope)
      const states = await own.states(scope)
      const { answers, unanswered } = await asked
      for (const [, counts] of answers)
        for (const [state, count] of counts) states.set(state, (states.get(state) ?? 0) + count)
      return { states, unanswered }
    },

    resume: (id, handover) => askOwner<ResumedSession>(id, () => own.resume(id, handover), 'resume', { id, handover }),

    async end(id) {
      if (isLost(id)) throw unreachable(nodeIn(id) ?? '')
      let mayHaveEnded = false
      const onRepeat = () => {
        mayHaveEnded = true
      }
      return (await askOwner<boolean>(id, () => own.end(id), 'end', id, onRepeat)) === true || mayHaveEnded
    },

    endAll: jid => endEverywhere(nodes, 'end-all', jid, () => own.endAll(jid)),
  }
}

export async function endEverywhere(
  nodes: Parameters<typeof askAll>[0],
  kind: string,
  question: unknown,
  here: () => EndedHere,
): Promise<EndedSessions> {
  const asked = askAll<EndedHere>(nodes, kind, question)
  let { ended, elsewhere } = here()
  const { answers, unanswered } = await asked
  for (const [, part] of answers) {
    ended += part.ended
    elsewhere += part.elsewhere
  }
  return { ended, elsewhere, unanswered }
}
