/** The limit of each session falls while the used share grows from `calmShare` to `tightShare`. */
const calmShare = 0.5
const tightShare = 0.75
/** In bytes. */
const leastOfOne = 16 * 1024
/** In bytes. The outbox has lower limits. */
const mostOfOne = 4 * 1024 * 1024
/** If no room was made, the next attempt waits for growth by this share of `most`. */
const worthAnotherLook = 1 / 16

/** Counts unfetched stanzas and unfinished elements. */
export class WaitingMemory {
  bytes = 0
  #most: number
  readonly #makeRoom: () => void
  #limit: number
  #isMakingRoom = false

  /** `makeRoom` runs in a microtask above `most` bytes. */
  constructor(most = Number.POSITIVE_INFINITY, makeRoom: () => void = () => {}) {
    this.#most = most
    this.#limit = most
    this.#makeRoom = makeRoom
  }

  get most(): number {
    return this.#most
  }

  set most(most: number) {
    this.#most = most
    this.#limit = Math.max(most, this.bytes)
  }

  change(bytes: number): void {
    this.bytes += bytes
    if (this.bytes > this.#limit) this.#ask()
    else if (this.bytes <= this.most) this.#limit = this.most
  }

  /** In bytes. Above this limit, the session's server is not read. */
  get mostOfOne(): number {
    const calm = this.most * calmShare
    if (this.bytes <= calm) return Number.POSITIVE_INFINITY
    const tight = this.most * tightShare
    const left = Math.max(0, tight - this.bytes) / (tight - calm)
    return Math.max(leastOfOne, mostOfOne * left)
  }

  /** Runs later, because `makeRoom` may end the running session. */
  #ask(): void {
    if (this.#isMakingRoom) return
    this.#isMakingRoom = true
    queueMicrotask(() => {
      this.#isMakingRoom = false
      this.#makeRoom()
      this.#limit = Math.max(this.most, this.bytes + this.most * worthAnotherLook)
    })
  }
}
