import { Problem } from '../errors.js'

/** PBKDF2 and scrypt share a pool of four threads with look-ups of names and files; some must stay free. */
const atOnce = 2
/** More than can be done before the callers that wait have given up. */
const mostWaiting = 1_000

/** Lets costly hashes off the event loop a few at a time, in the order they were asked for. */
export class HashQueue {
  #running = 0
  readonly #waiting: (() => void)[] = []

  /** Does the work when its turn comes. Rejects with the signal's reason if that comes first, or `service-full`. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#turn(signal)
    try {
      return await work()
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (this.#waiting.length >= mostWaiting) throw new Problem('service-full')
    while (this.#running >= atOnce) {
      await new Promise<void>((resolve, reject) => {
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
    if (signal?.aborted) {
      // Its turn came and it has left: the next one must not wait for it.
      this.#waiting.shift()?.()
      throw signal.reason
    }
    this.#running += 1
  }
}
