import { CallerGone, type CallerSignal } from '../lib/caller-gone.js'
import type { Clock } from '../lib/clock.js'
import { Problem } from '../lib/errors.js'
import { askAll } from '../processes/exchanges/ask-all.js'
import type { Nodes } from '../processes/nodes.js'
import type { OwnSessions } from '../session/registry/own-sessions.js'
import { keyOf } from '../session/registry/registry.js'
import { isOfVisit } from '../session/registry/session-list.js'
import { endEverywhere } from '../session/registry/shared-sessions.js'
import type { EndedSessions, Tab, VisitName } from '../session/session-types.js'

const findKind = 'tab'
const waitKind = 'tab-done'
const endKind = 'end-visit'

export const transferMilliseconds = 1_000
/** The memory that is counted for a waiting call, in bytes. */
const callBytes = 16 * 1024

interface TabQuestion {
  readonly tab: Tab
  /** `Turn.number`, under the name that older processes use. */
  readonly ticket: number
}

interface TabAnswer {
  readonly id: string | null
  /** Another call for this tab goes first. */
  readonly isBusy: boolean
}

interface EndQuestion {
  readonly visit: VisitName
  readonly scope: readonly string[]
}

interface Call {
  readonly tab: Tab
  readonly caller: CallerGone
  isEnded: boolean
}

interface Turn {
  readonly number: number
  readonly done: Promise<void>
  logsIn: boolean
}

interface VisitsParts {
  readonly own: Pick<OwnSessions, 'ofTab' | 'endVisit'>
  readonly nodes: Pick<Nodes, 'self' | 'others' | 'lost' | 'awaited' | 'whenOwned' | 'ask' | 'answer'> | undefined
  readonly clock: Pick<Clock, 'now'>
  /** In seconds. */
  readonly timeout: number
}

export interface TabWork<T> {
  /** Resolves with undefined if the session has just ended. */
  resume(id: string, caller: CallerSignal): Promise<T | undefined>
  logIn(caller: CallerSignal): Promise<T>
  endUnclaimed(result: T): void
}

export type Visits = ReturnType<typeof createVisits>

export const tooLate = () => new Problem('timeout', { detail: 'Limit: WARM_TIMEOUT.' })

/**
 * Allows one call at a time for each tab, in all processes (Ricart and Agrawala 1981). Each call gets a number (a
 * Lamport timestamp), and waits for calls with lower numbers.
 */
export function createVisits({ own, nodes, clock, timeout }: VisitsParts) {
  const longest = timeout * 1000
  const calls = new Set<Call>()
  /** The last call of each tab in this process. The promises never reject. */
  const lasts = new Map<string, Promise<void>>()
  const turns = new Map<string, Turn>()
  let lastNumber = 0

  function endHere({ visit, scope }: EndQuestion) {
    // `endVisit` precedes the aborts, because they end sessions that `endVisit` counts.
    const result = own.endVisit(visit, scope)
    for (const call of calls) {
      if (!isOfVisit(call.tab, visit)) continue
      call.isEnded = true
      call.caller.abort()
    }
    return result
  }

  function turnBefore({ tab, ticket: number }: TabQuestion, from: string): Turn | undefined {
    const turn = turns.get(keyOf(tab))
    if (turn === undefined || turn.logsIn) return turn
    return (turn.number - number || (nodes!.self < from ? -1 : 1)) < 0 ? turn : undefined
  }

  nodes?.answer(findKind, (question: TabQuestion, from): TabAnswer => {
    lastNumber = Math.max(lastNumber, question.ticket)
    return { id: own.ofTab(question.tab) ?? null, isBusy: turnBefore(question, from) !== undefined }
  })
  // A later turn is not awaited: it waits for the process that asks, so both would wait forever.
  nodes?.answer(waitKind, (question: TabQuestion, from) => turnBefore(question, from)?.done)
  nodes?.answer(endKind, endHere)

  async function find(tab: Tab, number: number, { caller }: Call, until: number): Promise<string | undefined> {
    const here = own.ofTab(tab)
    if (here !== undefined || nodes === undefined) return here
    const question: TabQuestion = { tab, ticket: number }
    for (;;) {
      // A session that moves between processes is found only after its arrival.
      await Promise.all(nodes.awaited.map(name => new Promise(resolve => nodes.whenOwned(name, callBytes, resolve))))
      const { answers } = await askAll<TabAnswer>(nodes, findKind, question)
      const found = answers.find(([, { id }]) => id !== null)?.[1].id ?? own.ofTab(tab)
      const earlier = answers.filter(([, { isBusy }]) => isBusy)
      if (found !== undefined || earlier.length === 0) return found
      const limit = longest + transferMilliseconds
      await Promise.all(earlier.map(([name]) => nodes.ask(name, waitKind, question, limit).catch(() => {})))
      caller.throwIfAborted()
      if (clock.now() > until) throw tooLate()
    }
  }

  async function resumeOrLogIn<T>(call: Call, turn: Turn, until: number, work: TabWork<T>) {
    const id = await find(call.tab, turn.number, call, until)
    call.caller.throwIfAborted()
    const resumed = id === undefined ? undefined : await work.resume(id, call.caller)
    call.caller.throwIfAborted()
    if (resumed !== undefined) return { result: resumed, isResumed: true }
    turn.logsIn = true
    const result = await work.logIn(call.caller)
    if (call.isEnded) work.endUnclaimed(result)
    return { result, isResumed: false }
  }

  async function takeTurn<T>(call: Call, until: number, work: TabWork<T>) {
    if (clock.now() > until) throw tooLate()
    const key = keyOf(call.tab)
    let isDone = () => {}
    const done = new Promise<void>(resolve => {
      isDone = resolve
    })
    const turn = { number: ++lastNumber, done, logsIn: false }
    turns.set(key, turn)
    try {
      return await resumeOrLogIn(call, turn, until, work)
    } finally {
      turns.delete(key)
      isDone()
    }
  }

  return {
    async enter<T>(tab: Tab, signal: CallerSignal, work: TabWork<T>): Promise<{ result: T; isResumed: boolean }> {
      const until = clock.now() + longest
      const call: Call = { tab, caller: new CallerGone(), isEnded: false }
      const leave = () => call.caller.abort()
      signal.addEventListener('abort', leave)
      if (signal.aborted) leave()
      calls.add(call)
      const key = keyOf(tab)
      const before = lasts.get(key)
      const run = async () => {
        await before
        call.caller.throwIfAborted()
        return takeTurn(call, until, work)
      }
      const running = run()
      const last = running.then(
        () => {},
        () => {},
      )
      lasts.set(key, last)
      try {
        const entered = await running
        if (call.isEnded) throw call.caller.reason
        return entered
      } catch (error) {
        if (!call.isEnded || signal.aborted) throw error
        throw new Problem('session-not-found', { detail: 'The visit was ended during this call.' })
      } finally {
        if (lasts.get(key) === last) lasts.delete(key)
        calls.delete(call)
        signal.removeEventListener('abort', leave)
      }
    },

    async end(visit: VisitName, scope: readonly string[]): Promise<EndedSessions> {
      const question: EndQuestion = { visit, scope }
      return endEverywhere(nodes, endKind, question, () => endHere(question))
    },
  }
}
