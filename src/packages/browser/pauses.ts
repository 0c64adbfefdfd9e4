/** The tries take about eight minutes. */
const mostTries = 12
const longestSeconds = 60
/** Seconds. Timers of more than 24 days fire at once. */
const mostSeconds = 3600
/** Milliseconds. A connection that lasts longer resets the pauses. */
const longEnough = 60_000

export class Pauses {
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

  next(atLeast: number, act: () => void): number | undefined {
    this.cancel()
    if (Date.now() - this.#succeededAt > longEnough) this.#tries = 0
    this.#succeededAt = Number.NaN
    if (++this.#tries > mostTries) return undefined
    const longest = Math.min(longestSeconds, 2 ** (this.#tries - 1))
    const seconds = Math.max(Math.min(atLeast, mostSeconds), longest * (0.5 + Math.random() / 2))
    this.#timer = setTimeout(act, seconds * 1000)
    return Math.ceil(seconds)
  }
}
