import type { CallerSignal } from '../lib/caller-gone.js'
import { keys } from './session-keys.js'
import type { TabLocks } from './store.js'

/** The tabs of a service that is one process. */
export function localTabs(): TabLocks {
  const turns = new LocalTurns()
  return {
    async enter(tab, signal) {
      const end = await turns.take(keys.tab(tab), signal)
      const nothing = { session: undefined, hasRecord: false, endedAt: Number.NEGATIVE_INFINITY, isLost: false }
      return { ...nothing, leave: async () => end() }
    },
  }
}

/** Lets one call at a time of this process into each key, in their order. */
export class LocalTurns {
  /** The calls that wait for each key that is taken. */
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Resolves with the function that ends the turn, which can be called twice. Rejects if the caller leaves before. */
  async take(key: string, signal: CallerSignal): Promise<() => void> {
    signal.throwIfAborted()
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) this.#waiting.set(key, new Set())
    else await turnIn(waiting, signal)
    let hasEnded = false
    return () => {
      if (!hasEnded) this.#next(key)
      hasEnded = true
    }
  }

  #next(key: string): void {
    const waiting = this.#waiting.get(key)!
    const [begin] = waiting
    if (begin === undefined) {
      this.#waiting.delete(key)
      return
    }
    waiting.delete(begin)
    begin()
  }
}

function turnIn(waiting: Set<() => void>, signal: CallerSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const begin = () => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    const leave = () => {
      waiting.delete(begin)
      signal.removeEventListener('abort', leave)
      reject(signal.reason)
    }
    waiting.add(begin)
    signal.addEventListener('abort', leave)
  })
}
