/** While the used share grows from `calmShare` to `tightShare`, the limit of each session falls. */
const calmShare = 0.5
const tightShare = 0.75
const leastBytesOfSession = 16 * 1024
const mostBytesOfSession = 4 * 1024 * 1024
/** `freeMemory` is called again after growth by this share of `most`. */
const growthShare = 1 / 16

/** Counts the memory of unsent, undelivered and unacknowledged stanzas, and of unfinished elements, in bytes. */
export class WaitingMemory {
  bytes = 0
  most: number
  readonly #freeMemory: () => void
  /** Above `most`, `freeMemory` is called again when there are more bytes than this. */
  #tried = 0
  #isFreeing = false

  constructor(most = Number.POSITIVE_INFINITY, freeMemory: () => void = () => {}) {
    this.most = most
    this.#freeMemory = freeMemory
  }

  change(bytes: number): void {
    this.bytes += bytes
    if (this.bytes <= this.most) this.#tried = 0
    else if (this.bytes > this.#tried) this.#ask()
  }

  /** In bytes. Above this limit, the service does not read from the session's server. */
  get mostOfSession(): number {
    const calm = this.most * calmShare
    if (this.bytes <= calm) return Number.POSITIVE_INFINITY
    const tight = this.most * tightShare
    const left = Math.max(0, tight - this.bytes) / (tight - calm)
    return Math.max(leastBytesOfSession, mostBytesOfSession * left)
  }

  /** `freeMemory` runs in a microtask, because it may end the session whose code called this function. */
  #ask(): void {
    if (this.#isFreeing) return
    this.#isFreeing = true
    queueMicrotask(() => {
      this.#isFreeing = false
      this.#freeMemory()
      this.#tried = this.bytes + this.most * growthShare
    })
  }
}
