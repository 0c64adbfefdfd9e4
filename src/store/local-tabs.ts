import { KeyedQueue } from '../lib/limits/keyed-queue.js'
import type { TabLocks } from './store.js'
import { keys } from './store-keys.js'

/** The tabs of a service that is one process. */
export function localTabs(): TabLocks {
  const turns = new KeyedQueue(1)
  return {
    async enter(tab, signal) {
      const key = keys.tab(tab)
      await turns.take(key, { signal })
      const nothing = { session: undefined, hasRecord: false, endedAt: Number.NEGATIVE_INFINITY, isLost: false }
      return { ...nothing, release: async () => turns.leave(key) }
    },
  }
}
