import { Problem } from '../../lib/errors.js'
import { askAll } from '../../processes/exchanges/ask-all.js'
import { nodeIn } from '../../processes/node-name.js'
import type { Nodes } from '../../processes/nodes.js'
import type { Store, StoredSession } from '../../store/store.js'
import { orStoreProblem, storeProblem } from '../../store/store-problem.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { EndedHere, EndedSessions, ListWish, SessionDetails, Sessions, SessionView } from '../session-types.js'
import type { OwnSessions } from './own-sessions.js'
import type { SessionBook } from './session-book.js'

const unanswered = undefined

export interface StoredSessionsParts {
  readonly own: OwnSessions
  readonly book: Pick<SessionBook, 'write'>
  readonly store: Pick<Store, 'sessions' | 'records' | 'ended'>
  readonly peers: Pick<Nodes, 'self' | 'others' | 'lost' | 'awaited' | 'ask' | 'answer'>
  /** Unix time minus `clock.now()`. */
  readonly epoch: number
  /** How long an end must be remembered: as long as records, in seconds. */
  readonly recordSeconds: number
}

/** The sessions of all processes, as the store has them. Rejects with `store-unavailable`. */
export function storedSessions(parts: StoredSessionsParts): Sessions {
  const { own, book, store, peers, epoch, recordSeconds } = parts
  const viewOf = (stored: StoredSession): SessionView => {
    const { id, process, domain, jid, origin, admin, isPage, tab, openedAt, state, transport, quietSince } = stored
    const openedBy = admin === undefined ? undefined : { admin, isPage }
    const createdAt = openedAt - epoch
    const quiet = quietSince === undefined ? undefined : quietSince - epoch
    return { id, jid, domain, origin, state, transport, createdAt, quietSince: quiet, tab, process, openedBy }
  }
  const find = async (id: string) => (await store.sessions.find({ id }))[0]

  peers.answer('end', (id: string) => own.end(id))
  peers.answer('end-all', (jid: string) => own.endAll(jid))

  return {
    get processes() {
      return [peers.self, ...peers.others.map(({ name }) => name)].sort()
    },

    async get(id): Promise<SessionDetails | undefined> {
      const here = own.get(id)
      if (here !== undefined) return { ...here, process: peers.self }
      const stored = await orStoreProblem(find(id))
      return stored && viewOf(stored)
    },

    isLost: id => peers.lost.includes(nodeIn(id) ?? ''),

    async getMany(ids) {
      const found = await orStoreProblem(Promise.all(ids.map(find)))
      return found.flatMap(stored => (stored === undefined ? [] : [viewOf(stored)]))
    },

    async page({ jid, after, order, ...wish }: ListWish) {
      const page = async () => {
        await book.write()
        return store.sessions.page({
          ...wish,
          user: jid && userOf(jid),
          jid: jid?.includes('/') ? jid : undefined,
          after: after && { openedAt: after.createdAt, id: after.id },
          by: order?.by,
          isReversed: order?.isReversed,
        })
      }
      const { sessions, total, next } = await orStoreProblem(page())
      return {
        sessions: sessions.map(viewOf),
        total,
        next: next && { createdAt: next.openedAt, id: next.id },
        unanswered,
      }
    },

    async states(scope) {
      await orStoreProblem(book.write())
      return { states: await orStoreProblem(store.sessions.states(scope)), unanswered }
    },

    /** The call has been forwarded to the process of the session. */
    resume: async (id, handover) => own.resume(id, handover),

    async end(id) {
      if (own.end(id)) return true
      const isMarked = await isDone(store.ended.mark({ id }, recordSeconds))
      const process = (await orStoreProblem(find(id)))?.process
      if (process === undefined) return isMarked && (await orStoreProblem(store.records.take({ id }))) !== undefined
      const isEnded = await peers.ask(process, 'end', id).catch(() => isMarked)
      if (!isMarked && isEnded !== true) throw new Problem('session-unreachable')
      return isEnded === true
    },

    endAll: jid =>
      endEverywhere(peers, 'end-all', jid, () => own.endAll(jid), () =>
        store.ended.mark({ jid, at: Date.now() }, recordSeconds),
      ),
  }
}

/**
 * Ends sessions in all processes. The mark ends those of processes that do not answer, and those that were set down.
 * Without the mark, rejects with `store-unavailable` after it has ended what it could.
 */
export async function endEverywhere(
  peers: Parameters<typeof askAll>[0],
  kind: string,
  question: unknown,
  here: () => EndedHere,
  mark: () => Promise<void>,
): Promise<EndedSessions> {
  const isMarked = isDone(mark())
  const asked = askAll<EndedHere>(peers, kind, question)
  let { ended, elsewhere } = here()
  const { answers } = await asked
  for (const [, part] of answers) {
    ended += part.ended
    elsewhere += part.elsewhere
  }
  if (!(await isMarked)) throw storeProblem()
  return { ended, elsewhere, unanswered }
}

const isDone = (work: Promise<unknown>) =>
  work.then(
    () => true,
    () => false,
  )
