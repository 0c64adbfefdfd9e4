import { closeSync, openSync, readFileSync } from 'node:fs'

/** What is kept back for connections whose requests are to be answered, if only with a refusal. */
const reserve = 32
/** The share of all that is kept back where that is less. */
const reservedShare = 0.1
/** Descriptors that one session may take: for its stream, and for the requests of its client. */
const ofSession = 4

/** What this process may open, as far as that can be found out. */
export interface Openable {
  /** Descriptors at a time; undefined where nobody says. */
  readonly most: number | undefined
  /** The number of the one that is opened next, which is the lowest that is free; undefined where there is none. */
  next(): number | undefined
}

/** What the system says of this process. */
export const processOpenable: Openable = {
  most: mostDescriptors(),
  next() {
    try {
      const descriptor = openSync('/dev/null', 'r')
      closeSync(descriptor)
      return descriptor
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Where there is no such file, nothing is known of it.
      return code === 'EMFILE' || code === 'ENFILE' ? undefined : 0
    }
  },
}

/** Knows whether there are descriptors for one more session, and some to spare. */
export class SessionDescriptors {
  readonly #openable: Openable
  /** Sessions that may be opened before it is looked again. */
  #sure = 0

  constructor(openable: Openable) {
    this.#openable = openable
  }

  /** Whether there are; called for each session that is to be opened. */
  areLeft(): boolean {
    if (this.#sure > 0) {
      this.#sure -= 1
      return true
    }
    const { most = Number.POSITIVE_INFINITY } = this.#openable
    const next = this.#openable.next()
    if (next === undefined) return false
    // All below the lowest free one are taken.
    const left = most - Math.min(reserve, Math.ceil(most * reservedShare)) - next
    // Others take some as well, so that half of what is left may be gone before it is looked again.
    this.#sure = Math.min(1_000, Math.max(0, Math.floor(left / 2 / ofSession) - 1))
    return left > 0
  }
}

/** The limit that Node has raised as far as it may (`ulimit -n`); only Linux tells it. */
function mostDescriptors(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}
