export type WorkQueue = ReturnType<typeof workQueue>

/** Lets work begin a little at a time, in its order. `refusal` rejects what would be one more than `mostWaiting`. */
export function workQueue(atOnce: number, mostWaiting: number, refusal: () => Error) {
  let free = atOnce
  const waiting: (() => void)[] = []
  const turn = (signal: AbortSignal | undefined) => {
    if (waiting.length >= mostWaiting) throw refusal()
    return new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        waiting.splice(waiting.indexOf(go), 1)
        reject(signal!.reason)
      }
      signal?.addEventListener('abort', leave, { once: true })
      waiting.push(go)
    })
  }
  /** Does the work when its turn comes. Rejects with the signal's reason if that comes first. */
  return async <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    signal?.throwIfAborted()
    if (free > 0) free -= 1
    else await turn(signal)
    try {
      // It may have been given up since its turn came.
      signal?.throwIfAborted()
      return await work()
    } finally {
      // The next one that waits takes this one's place.
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
