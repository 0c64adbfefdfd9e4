/** Between these shares of the memory, the limit of each session falls. The rest is for stanzas under way. */
const calmShare = 0.5
const tightShare = 0.75
/** The lowest limit of a session, in bytes. */
const leastOfOne = 16 * 1024
/** The highest one, in bytes: the outbox has tighter limits of its own. */
const mostOfOne = 4 * 1024 * 1024
/** If no room could be made, this share of the memory must be added before the next attempt. */
const worthAnotherLook = 1 / 16

/**
 * Memory of this process for stanzas that servers have sent and clients have not fetched, and for unfinished elements. Each
 * part that keeps such data adds its size here, and subtracts it when the data is gone.
 */
export class WaitingMemory {
  /** Memory in use, in bytes. */
  bytes = 0
  /** Memory that may be in use, in bytes. */
  readonly most: number
  readonly #makeRoom: () => void
  /** Above this many bytes, `makeRoom` is called. */
  #limit: number
  #isMakingRoom = false

  /** `makeRoom` is called in a turn of its own if more than `most` bytes are in use. Without `most` there is no limit. */
  constructor(most = Number.POSITIVE_INFINITY, makeRoom: () => void = () => {}) {
    this.most = most
    this.#limit = most
    this.#makeRoom = makeRoom
  }

  /** Adds this number of bytes, or subtracts them if it is negative. */
  change(bytes: number): void {
    this.bytes += bytes
    if (this.bytes > this.#limit) this.#ask()
    else if (this.bytes <= this.most) this.#limit = this.most
  }

  /**
   * Limit of one session, in bytes; above it, its server is not read. The limit falls as the memory fills. Pages that fetch
   * their stanzas stay below it.
   */
  get mostOfOne(): number {
    const calm = this.most * calmShare
    if (this.bytes <= calm) return Number.POSITIVE_INFINITY
    const tight = this.most * tightShare
    const left = Math.max(0, tight - this.bytes) / (tight - calm)
    return Math.max(leastOfOne, mostOfOne * left)
  }

  /** Makes room later: the session that runs at the moment may be one of those to end. */
  #ask(): void {
    if (this.#isMakingRoom) return
    this.#isMakingRoom = true
    queueMicrotask(() => {
      this.#isMakingRoom = false
      this.#makeRoom()
      // If nothing could be freed, the next search waits for more.
      this.#limit = Math.max(this.most, this.bytes + this.most * worthAnotherLook)
    })
  }
}
