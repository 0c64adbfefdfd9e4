import type { Clock } from '../../lib/clock.js'
import { lookAgain, looksForMoving } from '../../store/look-again.js'
import { askAll, type OtherProcesses } from '../../store/other-processes.js'
import { processIn } from '../../store/process-name.js'
import type { Ending, PageWish, Store, StoredSession } from '../../store/store.js'
import { orStoreProblem, storeProblem, unreachable } from '../../store/store-problem.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { EndedHere, EndedSessions, ListWish, SessionDetails, Sessions, SessionView } from '../session-types.js'
import type { OwnSessions } from './own-sessions.js'
import type { SessionBook } from './session-book.js'

const unanswered = undefined

export interface StoredSessionsParts {
  readonly own: OwnSessions
  readonly book: Pick<SessionBook, 'write' | 'page' | 'states'>
  readonly store: Pick<Store, 'sessions' | 'records' | 'ended'>
  /** Takes up the session, if it was set down. */
  readonly takeUp?: ((id: string) => Promise<boolean>) | undefined
  /** Undefined with one process. */
  readonly others?: OtherProcesses | undefined
  readonly clock: Clock
  /** Unix time minus `clock.now()`. */
  readonly epoch: number
  /** How long an end must be remembered: as long as records, in seconds. */
  readonly recordSeconds: number
}

/** The sessions of all processes, as the store has them. Rejects with `store-unavailable`. */
export function storedSessions(parts: StoredSessionsParts): Sessions {
  const { own, book, store, takeUp, others, clock, epoch, recordSeconds } = parts
  const viewOf = (stored: StoredSession | undefined): SessionView | undefined => {
    if (stored === undefined) return undefined
    const { id, process, domain, jid, origin, admin, isPage, tab, openedAt, state, transport, quietSince } = stored
    const openedBy = admin === undefined ? undefined : { admin, isPage }
    const createdAt = openedAt - epoch
    const quiet = quietSince === undefined ? undefined : quietSince - epoch
    return {
      id,
      jid,
      domain,
      origin,
      state,
      transport,
      createdAt,
      quietSince: quiet,
      tab,
      process: others && process,
      openedBy,
    }
  }
  const find = async (id: string): Promise<StoredSession | undefined> => {
    const [found] = others === undefined ? [] : await store.sessions.find({ id })
    return found === undefined || others?.isGone(found.process) === true ? undefined : found
  }
  const read = async (id: string): Promise<SessionDetails | undefined> => {
    const here = () => {
      const details = own.get(id)
      return details && { ...details, process: others?.self }
    }
    const look = async () => here() ?? viewOf(await find(id)) ?? ((await takeUp?.(id)) === true ? here() : undefined)
    return takeUp === undefined ? look() : lookAgain(look, () => looksForMoving, clock)
  }

  const listed = async () => {
    if (others === undefined) return book
    await orStoreProblem(book.write())
    return store.sessions
  }

  others?.answer('end', (id: string) => own.end(id))
  others?.answer('end-all', (jid: string) => own.endAll(jid))

  return {
    get processes() {
      return others === undefined ? [] : [others.self, ...others.others.map(({ name }) => name)].sort()
    },

    get: id => orStoreProblem(read(id)),

    isLost: id => others?.lost.includes(processIn(id) ?? '') === true,

    async getMany(ids) {
      const found = await orStoreProblem(Promise.all(ids.map(read)))
      return found.filter(view => view !== undefined)
    },

    async page({ jid, after, order, ...wish }: ListWish) {
      const asked: PageWish = {
        ...wish,
        user: jid && userOf(jid),
        jid: jid?.includes('/') ? jid : undefined,
        after: after && { openedAt: after.createdAt, id: after.id },
        by: order?.by,
        isReversed: order?.isReversed,
      }
      const { sessions, total, next } = await orStoreProblem((await listed()).page(asked))
      return {
        sessions: sessions.map(stored => viewOf(stored)!),
        total,
        next: next && { createdAt: next.openedAt, id: next.id },
        unanswered,
      }
    },

    async states(scope) {
      return { states: await orStoreProblem((await listed()).states(scope)), unanswered }
    },

    /** The call has been forwarded to the process of the session. */
    resume: async (id, handover) => own.resume(id, handover),

    async end(id) {
      if (own.end(id)) return true
      if (others === undefined) return false
      const isMarked = await isDone(store.ended.mark({ id }, recordSeconds))
      const process = (await orStoreProblem(find(id)))?.process
      if (process === undefined) return isMarked && (await orStoreProblem(store.records.take({ id }))) !== undefined
      const isEnded = await others.ask(process, 'end', id).catch(() => undefined)
      if (isEnded !== undefined) return isEnded === true
      if (!isMarked || !(await isDone(store.ended.missed([process])))) throw unreachable(process)
      return true
    },

    endAll: jid =>
      endEverywhere({
        others,
        kind: 'end-all',
        question: jid,
        here: () => own.endAll(jid),
        ended: store.ended,
        ending: { jid, at: Date.now() },
        seconds: recordSeconds,
        async find() {
          const found = await store.sessions.find({ user: userOf(jid) })
          return jid.includes('/') ? found.filter(session => session.jid === jid) : found
        },
      }),
  }
}

interface Everywhere {
  readonly others: OtherProcesses | undefined
  readonly kind: string
  readonly question: unknown
  readonly here: () => EndedHere
  readonly ended: Store['ended']
  readonly ending: Ending
  /** How long the end must be remembered. */
  readonly seconds: number
  /** The sessions that are meant, as the store has them. */
  readonly find: () => Promise<readonly StoredSession[]>
}

/**
 * Ends sessions in all processes. The mark ends those of processes that do not answer, and those that were set down.
 * Without the mark, rejects with `store-unavailable` after it has ended what it could.
 */
export async function endEverywhere(parts: Everywhere): Promise<EndedSessions> {
  const { others, kind, question, ended: marks, ending, seconds } = parts
  // The sessions of a single process do not come back. The mark comes first: a process that takes a session up reads it.
  const isMarked = others === undefined || (await isDone(marks.mark(ending, seconds)))
  const asked = askAll<EndedHere>(others, kind, question)
  let { ended, elsewhere } = parts.here()
  const { answers, unanswered: silent = [] } = await asked
  for (const [, part] of answers) {
    ended += part.ended
    elsewhere += part.elsewhere
  }
  if (!isMarked) throw storeProblem()
  if (silent.length > 0) {
    await orStoreProblem(marks.missed(silent))
    const found = await orStoreProblem(parts.find())
    ended += found.filter(({ process, state }) => silent.includes(process) && state !== 'elsewhere').length
  }
  return { ended, elsewhere, unanswered }
}

const isDone = (work: Promise<unknown>) =>
  work.then(
    () => true,
    () => false,
  )
