import type { Body } from './body.js'
import type { Terms } from './terms.js'

/** By how much a client may come too early, in seconds: clocks and networks differ. */
const grace = 0.5

/** Whether a client asks more often than it was told to, where the operator minds (XEP-0124 §11, §12). */
export class Overactivity {
  readonly #terms: Terms
  readonly #shortest: number
  #lastAt = Number.NEGATIVE_INFINITY
  #lastWasEmpty = false

  constructor(terms: Terms) {
    this.#terms = terms
    this.#shortest = (terms.polling - grace) * 1000
  }

  /**
   * Takes note of a request in its turn and says whether it came too soon. `unanswered` counts it;
   * `fruitful` says whether the last reply had something in it, after which asking again at once is sensible.
   */
  breaks(body: Body, now: number, unanswered: number, fruitful: boolean): boolean {
    const isEmpty =
      body.payload.length === 0 && body.pause === undefined && !body.terminate && body.restart !== true
    const { isPolling, requests } = this.#terms
    const isTooMany = isPolling ? this.#lastWasEmpty && !fruitful : unanswered >= requests
    const isTooSoon = now - this.#lastAt < this.#shortest
    this.#lastAt = now
    this.#lastWasEmpty = isEmpty
    return isEmpty && isTooSoon && isTooMany
  }
}
