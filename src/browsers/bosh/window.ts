import type { Pending } from './open-requests.js'

/** A reply that can be given once more. */
export interface StoredReply extends Pick<Pending, 'rid' | 'key' | 'digest' | 'repeats'> {
  readonly text: string
  /** When it was given, in milliseconds of the clock. */
  readonly at: number
}

/** How a page has come to its session: `resumed` is in the place of another page. */
export type Beginning = 'created' | 'handed-out' | 'resumed'

/** Caps on what a client that never acknowledges can have kept for it. */
const mostReplies = 10
const mostCharacters = 2 * 1024 * 1024
/** Memory of a stored reply beside its text, in bytes. */
const replyBytes = 512

/** The order of a session's requests, and the replies kept for repetition (XEP-0124 §9, §14.2, §14.3); no clock. */
export class RidWindow {
  /** The highest rid received without a gap below it. */
  last: number
  /** Whether the client says which replies it has received (XEP-0124 §9); they are kept until then. */
  readonly acknowledged: boolean
  readonly #size: number
  /** Whether the next request may also have the last rid that was used: half of the world's libraries begin with it. */
  #isAttachable: boolean
  /** All rids below this one belong to a page that was shut out. */
  readonly #fence: number
  /** Oldest first. */
  readonly #replies: StoredReply[] = []
  #characters = 0
  /** The highest rid whose reply has arrived, as far as is known. */
  #confirmed = 0

  /** `last` is the last rid that counts as used; `size` is how many requests may be on their way at once. */
  constructor(last: number, size: number, by: Beginning = 'created', acknowledged = false) {
    this.last = last
    this.acknowledged = acknowledged
    this.#size = size
    this.#isAttachable = by !== 'created'
    this.#fence = by === 'resumed' ? last : 0
  }

  /** The highest rid that was answered, as far as its reply is kept. */
  get lastAnswered(): number {
    return this.#replies.at(-1)?.rid ?? 0
  }

  /**
   * Where `rid` stands: `early` is ahead of a gap, the reply to a `repeated` one may be stored or still to come.
   * `extra` widens the window for a pause or terminate request (XEP-0124 §11).
   */
  place(rid: number, extra: 0 | 1 = 0) {
    if (rid === this.last + 1 || (this.#isAttachable && rid === this.last)) return 'next'
    if (rid <= this.last) return 'repeated'
    return rid <= this.last + this.#size + extra ? 'early' : 'outside'
  }

  /** Whether a request with this rid comes from a page that is shut out. */
  isFenced(rid: number): boolean {
    return rid < this.#fence
  }

  /** Counts a request that was `next`. */
  accept(rid: number): void {
    this.last = rid
    this.#isAttachable = false
    if (!this.acknowledged) this.confirm()
  }

  /** The client shows that it has received all replies up to now: it sends the next request, or closes its connection. */
  confirm(): void {
    this.#confirmed = this.lastAnswered
  }

  /** Memory of the stored replies, in bytes. */
  get bytes(): number {
    return 2 * this.#characters + replyBytes * this.#replies.length
  }

  /**
   * Stores a reply: the newest `size` + 1 of them, or all that are not acknowledged, up to the caps and to `mostBytes` of
   * memory, but one at least.
   */
  store(reply: StoredReply, mostBytes = Number.POSITIVE_INFINITY): void {
    this.#replies.push(reply)
    this.#characters += reply.text.length
    const most = this.acknowledged ? mostReplies : this.#size + 1
    while (this.#replies.length > most || (this.#replies.length > 1 && this.#isFull(mostBytes)))
      this.#forgetOldest()
  }

  #isFull(mostBytes: number): boolean {
    return this.#characters > mostCharacters || this.bytes > mostBytes
  }

  /** Lets go of the replies up to this rid; one that was not answered yet is ignored (XEP-0124 §9.1). */
  acknowledge(rid: number): void {
    if (rid > this.lastAnswered) return
    while (this.#replies[0] !== undefined && this.#replies[0].rid <= rid) this.#forgetOldest()
  }

  /** The reply once given to `rid`, as long as it is kept. */
  replyTo(rid: number): StoredReply | undefined {
    return this.#replies.find(reply => reply.rid === rid)
  }

  /**
   * The replies that may have been lost on their way to the client, oldest first: those to requests that it can have had
   * under way, or to all that it has not acknowledged. `isPaused` says whether its last request was a pause. Libraries that
   * attach do not know what was agreed on, and have two under way at any rate.
   */
  unacknowledged(isPaused: boolean): readonly StoredReply[] {
    const received = this.acknowledged ? 0 : this.last - Math.max(2, this.#size) - (isPaused ? 1 : 0)
    return this.#replies.filter(({ rid }) => rid > received)
  }

  /** The replies that nothing has confirmed since they were given, oldest first. */
  get unconfirmed(): readonly StoredReply[] {
    return this.#replies.filter(({ rid }) => rid > this.#confirmed)
  }

  #forgetOldest(): void {
    this.#characters -= this.#replies.shift()!.text.length
  }
}
