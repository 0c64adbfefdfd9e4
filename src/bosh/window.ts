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

/** How a window begins. */
export interface WindowStart {
  /** Whether the client says which replies it has received (XEP-0124 §9). */
  readonly acknowledged?: boolean
  /** Whether the page did not create the session, but was handed it. */
  readonly isHandedOut?: boolean
  /** Whether another page had the session before, which is shut out. */
  readonly isResumed?: boolean
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
  readonly #acknowledged: boolean
  #last: number
  /** Whether the next request may also have the last rid that was used: half of the world's libraries begin with it. */
  #isAttachable: boolean
  /** All rids below this one belong to a page that was shut out. */
  readonly #fence: number
  /** Oldest first. */
  #replies: StoredReply[] = []
  #characters = 0

  /**
   * `last` is the rid of the creation request, or the one before the rid that a page was handed; `size` is how many
   * requests may be on their way at once. `acknowledged` replies are kept until the client says that it has them.
   */
  constructor(last: number, size: number, start: WindowStart = {}) {
    this.#last = last
    this.#size = size
    this.#acknowledged = start.acknowledged === true
    this.#isAttachable = start.isHandedOut === true
    this.#fence = start.isResumed === true ? last : 0
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
    if (rid === this.#last + 1 || (this.#isAttachable && rid === this.#last)) return 'next'
    if (rid <= this.#last) return 'repeated'
    return rid <= this.#last + this.#size + extra ? 'early' : 'outside'
  }

  /** Whether a request with this rid comes from a page that is shut out. */
  isFenced(rid: number): boolean {
    return rid < this.#fence
  }

  /** Counts a request that was `next`. */
  accept(rid: number): void {
    this.#last = rid
    this.#isAttachable = false
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
   * The replies that may have been lost on their way to the client, oldest first. `isPaused` says whether its last request
   * was a pause.
   */
  unacknowledged(isPaused: boolean): readonly StoredReply[] {
    const received = this.#acknowledged ? 0 : this.#last - this.#mostUnderWay - (isPaused ? 1 : 0)
    return this.#replies.filter(({ rid }) => rid > received)
  }

  /**
   * How many requests can be without a reply on the client's side, the newest among them: those before had theirs.
   * Libraries that attach do not know what was agreed on, and have two under way at any rate.
   */
  get #mostUnderWay(): number {
    return Math.max(2, this.#size)
  }
}
