import { type CallerSignal, orGone } from '../lib/caller-gone.js'
import type { TabLocks } from './store.js'
import { keys } from './store-keys.js'

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
  /** When all turns that were taken for the key have ended. */
  readonly #ends = new Map<string, Promise<void>>()

  /** Resolves with the function that ends the turn. Rejects if the caller leaves before. */
  async take(key: string, signal: CallerSignal): Promise<() => void> {
    signal.throwIfAborted()
    let end = () => {}
    const ended = new Promise<void>(resolve => {
      end = resolve
    })
    const before = this.#ends.get(key)
    const all = before === undefined ? ended : before.then(() => ended)
    this.#ends.set(key, all)
    void all.then(() => {
      if (this.#ends.get(key) === all) this.#ends.delete(key)
    })
    try {
      if (before !== undefined) await orGone(before, signal)
      return end
    } catch (error) {
      end()
      throw error
    }
  }
}
