/**
 * Puts what comes over BOSH into the order of the requests. Replies have connections of their own, so that one may overtake
 * another, and Strophe hands them out as they arrive.
 */
export class ReplyOrder {
  /** The rid of the request whose reply comes next. */
  #next: number
  /** What came ahead of its turn, by the rid of its request: no more than requests may be under way. */
  readonly #early = new Map<number, readonly Element[]>()

  /** `rid` is that of the first request. */
  constructor(rid: number) {
    this.#next = rid
  }

  /** Takes out of the reply to request `rid` what has to wait for an earlier one, or adds to it what has waited for it. */
  arrange(reply: Element, rid: number): void {
    if (rid > this.#next) {
      this.#early.set(rid, [...reply.children])
      reply.replaceChildren()
      return
    }
    this.#next = rid + 1
    for (let early = this.#early.get(this.#next); early !== undefined; early = this.#early.get(this.#next)) {
      this.#early.delete(this.#next)
      this.#next += 1
      reply.append(...early)
    }
  }
}
