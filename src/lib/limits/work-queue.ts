export type WorkQueue = ReturnType<typeof workQueue>

/** Starts work in order. Rejects with `refusal()` if `mostWaiting` calls wait already. */
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
  return async <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    signal?.throwIfAborted()
    if (free > 0) free -= 1
    else await turn(signal)
    try {
      signal?.throwIfAborted()
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
