/** Lets work begin a little at a time, in the order it was asked for. */
export class WorkQueue {
  #free: number
  readonly #mostWaiting: number
  readonly #refusal: () => Error
  readonly #waiting: (() => void)[] = []

  /** `refusal` is what rejects work that would be the first to wait behind `mostWaiting`. */
  constructor(atOnce: number, mostWaiting: number, refusal: () => Error) {
    this.#free = atOnce
    this.#mostWaiting = mostWaiting
    this.#refusal = refusal
  }

  /** Does the work when its turn comes. Rejects with the signal's reason if that comes first. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free -= 1
    else await this.#turn(signal)
    try {
      // It may have been given up since its turn came.
      signal?.throwIfAborted()
      return await work()
    } finally {
      // The next one that waits takes this one's place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= this.#mostWaiting) throw this.#refusal()
    return new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        reject(signal!.reason)
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.push(go)
    })
  }
}
