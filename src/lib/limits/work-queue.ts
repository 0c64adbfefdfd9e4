import { CallerGone, type CallerSignal } from '../caller-gone.js'
import { KeyedQueue } from './keyed-queue.js'

export type WorkQueue = ReturnType<typeof workQueue>

/** Starts work in order. Rejects with `refusal()` if `mostWaiting` calls wait already. */
export function workQueue(atOnce: number, mostWaiting: number, refusal: () => Error) {
  const turns = new KeyedQueue(atOnce)
  let underWay = 0
  return async <T>(work: () => Promise<T>, signal: CallerSignal = new CallerGone()): Promise<T> => {
    signal.throwIfAborted()
    if (underWay >= atOnce + mostWaiting) throw refusal()
    underWay += 1
    try {
      await turns.take('', signal)
      try {
        return await work()
      } finally {
        turns.leave('')
      }
    } finally {
      underWay -= 1
    }
  }
}
