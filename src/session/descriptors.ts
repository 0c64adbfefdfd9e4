import { closeSync, openSync, readFileSync } from 'node:fs'

/** How many are kept free for connections on which requests are refused. */
const reserve = 32
/** The share of all that is kept free where that is less. */
const reservedShare = 0.1
/** What this process may open, as far as that is known. */
export interface Openable {
  /** Descriptors at a time; undefined where the system does not say. */
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

/**
 * Knows whether there are descriptors for one more session, and some to spare. To look is to open one, since all below
 * the lowest free one are taken; where others are free above it, it is taken first and a later look tells.
 */
export class SessionDescriptors {
  readonly #openable: Openable
  readonly #most: number

  constructor(openable: Openable) {
    this.#openable = openable
    const { most = Number.POSITIVE_INFINITY } = openable
    this.#most = most - Math.min(reserve, Math.ceil(most * reservedShare))
  }

  areLeft(): boolean {
    const next = this.#openable.next()
    return next !== undefined && next < this.#most
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
