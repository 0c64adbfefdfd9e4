/** All pauses together take about five minutes, or more after a `Retry-After`. */
const mostTries = 12
const longestSeconds = 60
/** A limit is needed, because timers of more than 24 days fire at once. */
const mostRequestedSeconds = 3600
/** A connection that lasts longer resets the tries. */
const stableMilliseconds = 60_000

export class Backoff {
  #tries = 0
  #succeededAt = Number.NaN
  #timer: ReturnType<typeof setTimeout> | undefined

  reset(): void {
    this.#tries = 0
  }

  succeeded(): void {
    this.#succeededAt = Date.now()
  }

  cancel(): void {
    clearTimeout(this.#timer)
  }

  /** Calls `act` after a pause, and returns the pause in seconds, or undefined if no try is left. */
  next(atLeast: number, act: () => void): number | undefined {
    this.cancel()
    if (Date.now() - this.#succeededAt > stableMilliseconds) this.#tries = 0
    this.#succeededAt = Number.NaN
    if (++this.#tries > mostTries) return undefined
    const longest = Math.min(longestSeconds, 2 ** (this.#tries - 1))
    const seconds = Math.max(Math.min(atLeast, mostRequestedSeconds), longest * (0.5 + Math.random() / 2))
    this.#timer = setTimeout(act, seconds * 1000)
    return Math.ceil(seconds)
  }
}
