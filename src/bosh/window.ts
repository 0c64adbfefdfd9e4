/** What a request is, by its rid alone. */
export type Place =
  /** The one that was waited for. */
  | 'next'
  /** Ahead of a gap, but within the window. */
  | 'early'
  /** Received before; its reply may be stored, or still to come. */
  | 'repeated'
  /** Out of reach: the session cannot go on. */
  | 'outside'

/**
 * The order of a session's requests and the replies kept for repetition (XEP-0124 §14.2, §14.3).
 * Knows numbers and texts only; no time, no connection.
 */
export class RidWindow {
  readonly #size: number
  #last: number
  #attachable = false
  /** Kept replies, oldest first. */
  #replies: { rid: number; text: string }[] = []

  /** `first` is the rid of the creation request, `size` how many requests may be on their way at once. */
  constructor(first: number, size: number) {
    this.#last = first
    this.#size = size
  }

  /** The highest rid received without a gap below it. */
  get last(): number {
    return this.#last
  }

  /** Where `rid` stands; `extra` widens the window for a pause or terminate request (XEP-0124 §11). */
  place(rid: number, extra: 0 | 1 = 0): Place {
    if (rid === this.#last + 1 || (this.#attachable && rid === this.#last)) return 'next'
    if (rid <= this.#last) return 'repeated'
    return rid <= this.#last + this.#size + extra ? 'early' : 'outside'
  }

  /** Counts a request that was `next`. */
  accept(rid: number): void {
    this.#last = rid
    this.#attachable = false
  }

  /** Keeps a reply; the newest `size` + 1 stay. */
  store(rid: number, text: string): void {
    this.#replies.push({ rid, text })
    if (this.#replies.length > this.#size + 1) this.#replies.shift()
  }

  /** The reply once given to `rid`, byte for byte, as long as it is kept. */
  replyTo(rid: number): string | undefined {
    return this.#replies.find(reply => reply.rid === rid)?.text
  }

  /**
   * Passes the session on to a client that did not see what went before: nothing can be repeated, and the last
   * used rid counts as new once, since half of the world's libraries hand out that one.
   */
  handOver(): void {
    this.#replies = []
    this.#attachable = true
  }
}
