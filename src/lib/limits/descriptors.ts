import { closeSync, openSync, readFileSync } from 'node:fs'

/** Sessions leave these descriptors free, so that refused connections get an answer. */
const reserveOfSessions = 32
/** Largest reserve, as a share of all descriptors. */
const reservedShare = 0.1
/** A slow check stays valid for `mostUnseen` descriptors, or for an eighth of the free descriptors if that is less. */
const mostUnseen = 16
const freeForEach = 8

export class Descriptors {
  expected = 0
  readonly #next: () => number | undefined
  #seen = 0
  /** Descriptors that were allowed since the last check. */
  #unseen = mostUnseen

  constructor(
    readonly most = mostDescriptors(),
    next = nextDescriptor,
  ) {
    this.#next = next
  }

  /** The lowest free descriptor, plus the number of expected connections. */
  get taken(): number {
    return (this.#next() ?? Number.POSITIVE_INFINITY) + this.expected
  }

  /** The returned check keeps `reserve` and the share `keptShare` free. */
  room(reserve = reserveOfSessions, keptShare = 0): () => boolean {
    const { most } = this
    const kept = Math.min(reserve, Math.ceil(most * reservedShare)) + Math.ceil(most * keptShare)
    const mostTaken = most === Number.POSITIVE_INFINITY ? most : most - kept
    return () => this.#areBelow(mostTaken)
  }

  #areBelow(mostTaken: number): boolean {
    // NaN if no limit is known and no descriptor was free.
    const valid = Math.min(mostUnseen, Math.floor((mostTaken - this.#seen) / freeForEach)) || 0
    if (this.#unseen >= valid) {
      this.#seen = this.taken
      this.#unseen = 0
      if (this.#seen >= mostTaken) return false
    }
    this.#unseen += 1
    return true
  }
}

function nextDescriptor(): number | undefined {
  try {
    const descriptor = openSync('/dev/null', 'r')
    closeSync(descriptor)
    return descriptor
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // With other codes, `/dev/null` is missing.
    return code === 'EMFILE' || code === 'ENFILE' ? undefined : 0
  }
}

/** The soft limit (`ulimit -n`), which Node raises at its start. Known on Linux only. */
export function mostDescriptors(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return Number(soft ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
