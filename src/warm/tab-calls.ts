import { CallerGone, type CallerSignal } from '../lib/caller-gone.js'
import type { Clock } from '../lib/clock.js'
import { Problem } from '../lib/errors.js'
import type { Shared } from '../session/registry/all-sessions.js'
import type { OwnSessions } from '../session/registry/own-sessions.js'
import { lookAgain, looksForDead } from '../store/look-again.js'
import { isOfVisit } from '../store/session-order.js'
import type { TabKey, TabLock, TabLocks } from '../store/store.js'
import { orStoreProblem, unreachable } from '../store/store-problem.js'

interface Entering {
  readonly tab: TabKey
  /** Unix time in milliseconds. */
  readonly begunAt: number
  readonly signal: CallerSignal
}

interface TabCallsParts {
  readonly own: Pick<OwnSessions, 'ofTab' | 'onVisitEnded'>
  readonly tabs: TabLocks
  /** Undefined with one process. */
  readonly shared: Shared | undefined
  readonly clock: Clock
  /** In seconds. */
  readonly timeout: number
}

export interface TabWork<T> {
  /** Resolves with undefined if the session has just ended. */
  resume(id: string, caller: CallerSignal): Promise<T | undefined>
  logIn(caller: CallerSignal): Promise<T>
  endUnclaimed(result: T): void
}

export type TabCalls = ReturnType<typeof createTabCalls>

const tooLate = () => new Problem('timeout', { detail: 'Limit: WARM_TIMEOUT.' })

const visitEnded = () => new Problem('session-not-found', { detail: 'The visit was ended during this call.' })

/** Another process has the session of the tab. */
export class TabElsewhere extends Error {
  constructor(readonly process: string) {
    super(`the session of the tab is at ${process}`)
  }
}

/** Returns a function that finds the session of a tab: its id, or undefined. Rejects with `TabElsewhere`. */
function tabSessions(own: TabCallsParts['own'], shared: Shared | undefined, clock: Clock) {
  const others = shared?.others
  const isReached = (process: string) =>
    others === undefined ||
    process === others.self ||
    (!others.isGone(process) && others.others.some(({ name }) => name === process))

  /** Waits for the session of a process that died, or in another form. Resolves with the process that has it now. */
  const takenUp = async (tab: TabKey, { records }: Shared): Promise<string | undefined> => {
    let silent: string | undefined
    const look = async () => {
      const taker = await records.takeUp({ tab })
      if (typeof taker !== 'object') return taker ?? null
      silent = 'keptBy' in taker ? taker.keptBy : undefined
      return silent !== undefined && isReached(silent) ? silent : undefined
    }
    const taker = await lookAgain(look, () => looksForDead, clock)
    // Its session can still be taken up: a login would be a second session of the tab.
    if (taker === undefined && silent !== undefined) throw unreachable(silent)
    return taker ?? undefined
  }

  return async (tab: TabKey, { session, hasRecord }: TabLock): Promise<string | undefined> => {
    if (session?.state === 'elsewhere') return own.ofTab(tab)
    const isLeft = session !== undefined && !isReached(session.process)
    const isWanted = shared !== undefined && own.ofTab(tab) === undefined && (hasRecord || isLeft)
    const taker = isWanted ? await orStoreProblem(takenUp(tab, shared)) : undefined
    const here = own.ofTab(tab)
    if (here !== undefined) return here
    const owner = isLeft ? taker : (session?.process ?? taker)
    if (owner !== undefined && others !== undefined && owner !== others.self && !others.isGone(owner))
      throw new TabElsewhere(owner)
    return undefined
  }
}

/** Allows one call at a time for each tab, in all processes. */
export function createTabCalls({ own, tabs, shared, clock, timeout }: TabCallsParts) {
  const others = shared?.others
  /** A caller aborts with a `Problem` if its visit ends, or if it waits too long for its turn. */
  const tabOf = new Map<CallerGone, TabKey>()

  own.onVisitEnded = visit => {
    for (const [caller, tab] of tabOf) if (isOfVisit({ tab }, visit)) caller.abort(visitEnded())
  }

  const sessionOf = tabSessions(own, shared, clock)

  async function resumeOrLogIn<T>(tab: TabKey, caller: CallerGone, lock: TabLock, work: TabWork<T>) {
    const id = await sessionOf(tab, lock)
    caller.throwIfAborted()
    const resumed = id === undefined ? undefined : await work.resume(id, caller)
    caller.throwIfAborted()
    if (resumed !== undefined) return { result: resumed, isResumed: true }
    const result = await work.logIn(caller)
    // Another call may have logged in meanwhile.
    const problem = lock.isLost ? tooLate() : caller.reason
    if (!(problem instanceof Problem)) return { result, isResumed: false }
    work.endUnclaimed(result)
    throw problem
  }

  return {
    async enter<T>({ tab, begunAt, signal }: Entering, work: TabWork<T>): Promise<{ result: T; isResumed: boolean }> {
      const caller = new CallerGone()
      const leave = () => caller.abort()
      signal.addEventListener('abort', leave)
      if (signal.aborted) leave()
      tabOf.set(caller, tab)
      const limit = clock.after(timeout * 1000, () => caller.abort(tooLate()))
      try {
        const lock = await orStoreProblem(tabs.enter(tab, caller))
        limit.cancel()
        try {
          // The message of the process that ended the visit may still be on its way.
          if (others !== undefined && begunAt <= lock.endedAt) caller.abort(visitEnded())
          caller.throwIfAborted()
          const entered = await resumeOrLogIn(tab, caller, lock, work)
          // The answer does not wait for the store.
          void lock.release()
          return entered
        } catch (error) {
          // With `TabElsewhere`, the call enters the tab again in another process.
          await lock.release()
          throw error
        }
      } catch (error) {
        throw caller.reason ?? error
      } finally {
        limit.cancel()
        tabOf.delete(caller)
        signal.removeEventListener('abort', leave)
      }
    },
  }
}
