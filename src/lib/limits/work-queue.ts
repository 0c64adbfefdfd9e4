import { CallerGone, type CallerSignal } from '../caller-gone.js'
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
  return async <T>(work: () => Promise<T>, signal: CallerSignal = new CallerGone(), owner = ''): Promise<T> => {
    signal.throwIfAborted()
    if (underWay >= atOnce + mostWaiting) throw refusal()
    underWay += 1
    try {
      return await inTurn(owners, owner, signal, () => inTurn(turns, '', signal, work))
    } finally {
      underWay -= 1
    }
  }
}

async function inTurn<T>(queue: KeyedQueue, key: string, signal: CallerSignal, work: () => Promise<T>): Promise<T> {
  await queue.take(key, signal)
  try {
    return await work()
  } finally {
    queue.leave(key)
  }
}
