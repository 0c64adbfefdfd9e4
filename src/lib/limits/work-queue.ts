import type { CallerSignal } from '../caller-gone.js'
import { KeyedQueue } from './keyed-queue.js'

export type WorkQueue = ReturnType<typeof workQueue>

/**
 * Starts work in order, but that of one `owner` does not keep others waiting. Rejects with `refusal()` if `mostWaiting`
 * calls wait already.
 */
export function workQueue(atOnce: number, mostWaiting: number, refusal: () => Error) {
  const turns = new KeyedQueue(atOnce)
  const owners = new KeyedQueue(atOnce)
  let underWay = 0
  return async <T>(work: () => Promise<T>, signal?: CallerSignal, owner = ''): Promise<T> => {
    signal?.throwIfAborted()
    if (underWay >= atOnce + mostWaiting) throw refusal()
    underWay += 1
    try {
      return await owners.run(owner, () => turns.run('', work, { signal }), { signal })
    } finally {
      underWay -= 1
    }
  }
}
