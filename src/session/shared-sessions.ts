import type { Clock } from '../lib/clock.js'
import { Problem } from '../lib/errors.js'
import { askAll } from '../processes/exchanges/ask-all.js'
import { nodeIn } from '../processes/node-name.js'
import { NoAnswer, type Nodes } from '../processes/nodes.js'
import type { OwnSessions } from './own-sessions.js'
import { compare, placeOf } from './session-list.js'
import type {
  EndedSessions,
  Handover,
  ListWish,
  Place,
  ResumedSession,
  SessionState,
  Sessions,
  SessionView,
} from './session-types.js'

/** A page of the list, with ages instead of times: each process has its own clock. */
interface CarriedPage {
  readonly sessions: readonly (readonly [Place, SessionView])[]
  readonly total: number
  readonly more: boolean
}

/** A question follows a session that moves to another process this many times. */
const mostMoves = 3

interface OfOne {
  readonly id: string
  readonly handover: Handover
}

/** Difference between the clock and Unix time. Read once, because the machine's time may be set. */
export const epochOf = (clock: Pick<Clock, 'now'>): number => Date.now() - clock.now()

/** Each process filters, sorts and counts its own sessions, and sends one page at most. */
export function sharedSessions(own: OwnSessions, nodes: Nodes, clock: Pick<Clock, 'now'>, epoch: number): Sessions {
  const turned = (view: SessionView): SessionView => {
    const now = clock.now()
    const { createdAt, quietSince } = view
    return {
      ...view,
      createdAt: now - createdAt,
      quietSince: quietSince === undefined ? undefined : now - quietSince,
    }
  }

  const ownPage = (wish: ListWish): CarriedPage => {
    const { sessions, total, next } = own.page(wish)
    return {
      sessions: sessions.map(view => [placeOf(view, epoch), turned(view)]),
      total,
      more: next !== undefined,
    }
  }

  // JSON has no `undefined`.
  nodes.answer('session', (id: string) => {
    const view = own.get(id)
    return view === undefined ? null : turned(view)
  })
  nodes.answer('sessions', ownPage)
  nodes.answer('states', (scope: readonly string[]) => [...own.states(scope)])
  nodes.answer('resume', ({ id, handover }: OfOne) => own.resume(id, handover) ?? null)
  nodes.answer('end', (id: string) => own.end(id))
  nodes.answer('end-all', (jid: string) => own.endAll(jid))

  const unreachable = (node: string) =>
    new Problem('session-unreachable', { detail: `The process ${node || 'of the session'} did not answer.` })

  const ownerOf = (name: string): string | Promise<string | undefined> =>
    nodes.owner(name) ?? new Promise(resolve => nodes.whenOwned(name, 0, resolve))

  /** Asks the process of the session, or its heir if the session has moved. Returns undefined if there is no such session. */
  const askOwner = async <T>(
    id: string,
    here: () => T | undefined,
    kind: string,
    question: unknown,
    isRepeatable = false,
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
        if (!isElsewhere || !isRepeatable) throw unreachable(node)
      }
    }
  }

  return {
    async get(id) {
      const here = () => {
        const view = own.get(id)
        return view && turned(view)
      }
      const view = await askOwner<SessionView>(id, here, 'session', id, true)
      return view && turned(view)
    },

    async page(wish) {
      const { answers, unanswered } = await askAll<CarriedPage>(nodes, 'sessions', wish)
      const parts = [ownPage(wish), ...answers.map(([, part]) => part)]
      const merged = parts.flatMap(({ sessions }) => sessions).sort(([a], [b]) => compare(a, b))
      const page = merged.slice(0, wish.limit)
      // If a process has more sessions, they come after its own page, so none is skipped.
      const isMore = merged.length > page.length || parts.some(({ more }) => more)
      return {
        sessions: page.map(([, view]) => turned(view)),
        total: parts.reduce((sum, { total }) => sum + total, 0),
        next: isMore ? page.at(-1)?.[0] : undefined,
        unanswered,
      }
    },

    async states(scope) {
      const asked = askAll<readonly (readonly [SessionState, number])[]>(nodes, 'states', scope)
      const states = own.states(scope)
      const { answers, unanswered } = await asked
      for (const [, counts] of answers)
        for (const [state, count] of counts) states.set(state, (states.get(state) ?? 0) + count)
      return { states, unanswered }
    },

    async resume(id, handover) {
      return askOwner<ResumedSession>(id, () => own.resume(id, handover), 'resume', { id, handover })
    },

    async end(id) {
      const name = nodeIn(id) ?? ''
      if (nodes.owner(name) === undefined && nodes.lost.includes(name)) throw unreachable(name)
      return (await askOwner<boolean>(id, () => own.end(id), 'end', id)) === true
    },

    endAll: jid => endEverywhere(nodes, 'end-all', jid, () => own.endAll(jid)),
  }
}

type EndedOfOne = Omit<EndedSessions, 'unanswered'>

/** Ends sessions at all processes at once. */
export async function endEverywhere(
  nodes: Parameters<typeof askAll>[0],
  kind: string,
  question: unknown,
  here: () => EndedOfOne,
): Promise<EndedSessions> {
  const asked = askAll<EndedOfOne>(nodes, kind, question)
  let { ended, elsewhere } = here()
  const { answers, unanswered } = await asked
  for (const [, part] of answers) {
    ended += part.ended
    elsewhere += part.elsewhere
  }
  return { ended, elsewhere, unanswered }
}
