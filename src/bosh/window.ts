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

/** A reply that can be given once more. */
export interface StoredReply {
  readonly rid: number
  readonly text: string
  /** When it was given, in milliseconds of the clock. */
  readonly at: number
  /** The request's key, which a repeat must show again (XEP-0124 §15.5). */
  readonly key: string | undefined
  /** Of the request's content. */
  readonly digest: string
  /** How often it was given again. */
  repeats: number
}

/** Caps on what a client that never acknowledges can have kept for it. */
const mostReplies = 10
const mostCharacters = 2 * 1024 * 1024

/**
 * The order of a session's requests and the replies kept for repetition (XEP-0124 §9, §14.2, §14.3).
 * Knows numbers and texts only; no clock, no connection.
 */
export class RidWindow {
  readonly #size: number
  #acknowledged: boolean
  #last: number
  #attachable = false
  /** All below belongs to clients that are shut out. */
  #fence = 0
  /** Oldest first. */
  #replies: StoredReply[] = []
  #characters = 0

  /**
   * `first` is the rid of the creation request, `size` how many requests may be on their way at once;
   * `acknowledged` replies are kept until the client says that it has them.
   */
  constructor(first: number, size: number, acknowledged = false) {
    this.#last = first
    this.#size = size
    this.#acknowledged = acknowledged
  }

  /** The highest rid received without a gap below it. */
  get last(): number {
    return this.#last
  }

  /** Whether replies are kept until the client says that it has them. */
  get acknowledged(): boolean {
    return this.#acknowledged
  }

  /** The highest rid that was answered, as far as its reply is kept. */
  get lastAnswered(): number | undefined {
    return this.#replies.at(-1)?.rid
  }

  /** Where `rid` stands; `extra` widens the window for a pause or terminate request (XEP-0124 §11). */
  place(rid: number, extra: 0 | 1 = 0): Place {
    if (rid === this.#last + 1 || (this.#attachable && rid === this.#last)) return 'next'
    if (rid <= this.#last) return 'repeated'
    return rid <= this.#last + this.#size + extra ? 'early' : 'outside'
  }

  /** Whether a request with this rid comes from a client that is shut out. */
  isFenced(rid: number): boolean {
    return rid < this.#fence
  }

  /** Counts a request that was `next`. */
  accept(rid: number): void {
    this.#last = rid
    this.#attachable = false
  }

  /** Keeps a reply: the newest `size` + 1 of them, or all that are not acknowledged, up to the caps. */
  store(reply: Omit<StoredReply, 'repeats'>): void {
    const { rid, text, at, key, digest } = reply
    this.#replies.push({ rid, text, at, key, digest, repeats: 0 })
    this.#characters += text.length
    const most = this.#acknowledged ? mostReplies : this.#size + 1
    while (this.#replies.length > most || (this.#characters > mostCharacters && this.#replies.length > 1)) {
      this.#characters -= this.#replies.shift()!.text.length
    }
  }

  /** Lets go of the replies up to this rid; one that was not answered yet is ignored (XEP-0124 §9.1). */
  acknowledge(rid: number): void {
    if (rid > (this.lastAnswered ?? 0)) return
    while (this.#replies[0] !== undefined && this.#replies[0].rid <= rid) {
      this.#characters -= this.#replies.shift()!.text.length
    }
  }

  /** The reply once given to `rid`, as long as it is kept. */
  replyTo(rid: number): StoredReply | undefined {
    return this.#replies.find(reply => reply.rid === rid)
  }

  /**
   * Passes the session on to a client that did not see what went before: nothing can be repeated, and the last
   * used rid counts as new once, since half of the world's libraries hand out that one.
   */
  handOver(): void {
    this.#replies = []
    this.#characters = 0
    this.#attachable = true
  }

  /**
   * Shuts out the client and moves on by `jump` numbers, for another that comes in its place as after a handover.
   * Gives back the replies that may have been lost on their way to the first one, oldest first; undefined, and nothing
   * has changed, where the numbers are used up. `isPaused` says whether its last request was a pause.
   */
  fence(jump: number, isPaused: boolean): readonly StoredReply[] | undefined {
    if (this.#last >= Number.MAX_SAFE_INTEGER - jump) return undefined
    const received = this.#acknowledged ? 0 : this.#last - this.#mostUnderWay - (isPaused ? 1 : 0)
    const unacknowledged = this.#replies.filter(({ rid }) => rid > received)
    this.#last += jump
    this.#fence = this.#last
    // The other one was not asked whether it acknowledges.
    this.#acknowledged = false
    this.handOver()
    return unacknowledged
  }

  /**
   * How many requests can be without a reply on the client's side, the newest among them: those before had theirs.
   * Libraries that attach do not know what was agreed on, and have two under way at any rate.
   */
  get #mostUnderWay(): number {
    return Math.max(2, this.#size)
  }
}
