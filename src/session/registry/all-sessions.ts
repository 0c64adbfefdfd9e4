import type { Clock } from '../../lib/clock.js'
import { lookAgain, looksForDead, looksForMoving } from '../../store/look-again.js'
import { askAll, type OtherProcesses } from '../../store/other-processes.js'
import { processIn } from '../../store/process-name.js'
import type { Store, StoredSession } from '../../store/store.js'
import { orStoreProblem, storeProblem, unreachable } from '../../store/store-problem.js'
import { allowsDomain } from '../../xmpp/jid/domains.js'
import { userOf } from '../../xmpp/jid/jid.js'
import type { EndedSessions, EndWish, SessionDetails, Sessions } from '../session-types.js'
import { type OwnSessions, withJid } from './own-sessions.js'
import type { SessionBook } from './session-book.js'
import type { StoredRecords } from './stored-records.js'

/** What several processes have in common. */
export interface Shared {
  readonly others: OtherProcesses
  readonly store: Pick<Store, 'sessions' | 'records' | 'ended' | 'isWhole'>
  /** How long an end must be remembered: as long as records, in seconds. */
  readonly recordSeconds: number
  /** Sessions that were set down. */
  readonly records: Pick<StoredRecords, 'takeUp' | 'end'>
}

export interface AllSessionsParts {
  readonly own: OwnSessions
  readonly clock: Clock
  /** Undefined with one process, as `book` is. */
  readonly shared: Shared | undefined
  readonly book: Pick<SessionBook, 'write'> | undefined
}

/** The sessions of all processes, as the store has them. Rejects with `store-unavailable`. */
export function allSessions({ own, clock, shared, book }: AllSessionsParts): Sessions {
  const others = shared?.others
  const find = async (id: string): Promise<StoredSession | undefined> => {
    if (shared === undefined) return undefined
    const [found] = await shared.store.sessions.find({ id })
    return found === undefined || shared.others.isGone(found.process) ? undefined : found
  }
  const read = async (id: string): Promise<SessionDetails | undefined> => {
    const found = own.get(id) ?? (await find(id))
    if (found !== undefined || shared === undefined) return found
    const taker = await shared.records.takeUp({ id })
    const isWaiting = typeof taker === 'object'
    const isOfOtherForm = isWaiting && 'form' in taker
    const isMoving = taker !== undefined && taker !== shared.others.self && !isOfOtherForm
    const look = async () => {
      // The process of the session is silent, or one that reads its form must take it up.
      if (isWaiting) await shared.records.takeUp({ id })
      return own.get(id) ?? (await find(id))
    }
    const most = isWaiting ? looksForDead : looksForMoving
    const taken = own.get(id) ?? (taker === undefined ? undefined : await lookAgain(look, () => most, clock))
    if (taken === undefined && (isMoving || !shared.store.isWhole)) throw storeProblem()
    return taken
  }

  const listed = async () => {
    if (shared === undefined || book === undefined) return own
    await orStoreProblem(book.write())
    return shared.store.sessions
  }

  others?.answer('end', (id: string) => own.end(id))
  others?.answer('end-all', (wish: EndWish) => own.endAll(wish))

  return {
    get processes() {
      return others === undefined ? [] : [others.self, ...others.others.map(({ name }) => name)].sort()
    },

    get: id => orStoreProblem(read(id)),

    isLost: id => isLost(id, shared),

    async getMany(ids) {
      const found = await orStoreProblem(Promise.all(ids.map(read)))
      return found.filter(view => view !== undefined)
    },

    page: async wish => orStoreProblem((await listed()).page(wish)),

    states: async scope => orStoreProblem((await listed()).states(scope)),

    resume: async (id, handover) =>
      own.resume(id, handover) ?? notOfOther(others?.self, await orStoreProblem(find(id))),

    async end(id) {
      if (own.end(id)) return true
      if (shared === undefined) return false
      const { store, others, recordSeconds, records } = shared
      const isMarked = await isDone(store.ended.mark({ id }, recordSeconds))
      // A process that seems gone may only be unreachable.
      const process = (await orStoreProblem(store.sessions.find({ id })))[0]?.process
      if (process !== undefined) {
        const isEnded = await others.ask(process, 'end', id).catch(() => undefined)
        if (isEnded === true) return true
        if (isEnded === undefined) {
          if (!isMarked || !(await isDone(store.ended.missed([process])))) throw unreachable(process)
          return true
        }
      }
      return isMarked && orStoreProblem(records.end(id))
    },

    // The sessions of a single process do not come back.
    endAll: async wish => (shared === undefined ? own.endAll(wish) : endInAll(wish, own, shared)),
  }
}

async function isLost(id: string, shared: Shared | undefined): Promise<boolean> {
  const process = processIn(id) ?? ''
  if (shared === undefined || !shared.others.lost.includes(process)) return false
  return shared.store.records.isOwn(id, process).catch(() => true)
}

/** The call has been forwarded to the process of the session, unless that does not answer. */
function notOfOther(self: string | undefined, found: StoredSession | undefined): undefined {
  if (found !== undefined && found.process !== self) throw unreachable(found.process)
}

/**
 * The mark ends sessions of processes that do not answer, and those that were set down. Without the mark, rejects with
 * `store-unavailable` after it has ended what it could.
 */
async function endInAll(wish: EndWish, own: OwnSessions, { others, store, recordSeconds }: Shared) {
  const whose = 'jid' in wish ? { jid: wish.jid } : { visit: wish.visit }
  // The mark comes first: a process that takes a session up reads it.
  const isMarked = await isDone(store.ended.mark({ ...whose, at: Date.now() }, recordSeconds))
  const asked = askAll<EndedSessions>(others, 'end-all', wish)
  let { ended, elsewhere } = own.endAll(wish)
  const { answers, unanswered: silent = [] } = await asked
  for (const [, part] of answers) {
    ended += part.ended
    elsewhere += part.elsewhere
  }
  if (!isMarked) throw storeProblem()
  if (silent.length > 0) {
    await orStoreProblem(store.ended.missed(silent))
    const found = await orStoreProblem(meantBy(wish, store.sessions))
    ended += found.filter(({ process, state }) => silent.includes(process) && state !== 'elsewhere').length
  }
  return { ended, elsewhere }
}

async function meantBy(wish: EndWish, sessions: Store['sessions']): Promise<readonly StoredSession[]> {
  if ('visit' in wish) {
    const found = await sessions.find({ visit: wish.visit })
    return found.filter(({ domain }) => allowsDomain(wish.scope, domain))
  }
  const { jid } = wish
  const found = await sessions.find({ user: userOf(jid) })
  return withJid(found, jid)
}

const isDone = (work: Promise<unknown>) =>
  work.then(
    () => true,
    () => false,
  )
