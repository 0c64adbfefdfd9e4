/** Tries in a row before a page is told that there is no chat: eight minutes or so. */
const mostTries = 12
const longestSeconds = 60
/** Longest pause that a backend can ask for, in seconds. Timers fire at once if they are set to more than 24 days. */
const mostSeconds = 3600
/** A connection that has lasted so long was a good one, in milliseconds. */
const longEnough = 60_000

/** When to try again: less and less often, and not at the same moment as all other pages. */
export class Pauses {
  #tries = 0
  #succeededAt: number | undefined
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

  /** Calls `act` after a pause, and returns how long that is, in seconds; undefined where it is time to give up. */
  next(atLeast: number, act: () => void): number | undefined {
    this.cancel()
    if (this.#succeededAt !== undefined && Date.now() - this.#succeededAt > longEnough) this.#tries = 0
    this.#succeededAt = undefined
    if (++this.#tries > mostTries) return undefined
    const longest = Math.min(longestSeconds, 2 ** (this.#tries - 1))
    const seconds = Math.max(Math.min(atLeast, mostSeconds), longest * (0.5 + Math.random() / 2))
    this.#timer = setTimeout(act, seconds * 1000)
    return Math.ceil(seconds)
  }
}
