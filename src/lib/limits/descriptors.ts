import { closeSync, openSync, readFileSync } from 'node:fs'

/** How many descriptors sessions leave free, for connections on which requests are refused. */
const reserveOfSessions = 32
/** The share of all that is kept free if that is less. */
const reservedShare = 0.1
/** How many are taken between two checks, which are slow: one for each `freeForEach` that are free, `mostUnseen` at most. */
const mostUnseen = 16
const freeForEach = 8

/**
 * Returns a function that tells whether there is a descriptor for one more session or connection, and `reserve` to spare. It
 * opens one: all below the lowest free one are taken. `keptShare` of all are to spare as well. `most` is how many there may be at a
 * time. `next` opens one and returns its number, undefined if there is none.
 */
export function descriptorsAreLeft(
  reserve = reserveOfSessions,
  keptShare = 0,
  most = mostDescriptors(),
  next = nextDescriptor,
): () => boolean {
  const kept = Math.min(reserve, Math.ceil(most * reservedShare)) + Math.ceil(most * keptShare)
  const mostTaken = most === Number.POSITIVE_INFINITY ? most : most - kept
  let unseen = 0
  return () => {
    if (unseen > 0) {
      unseen -= 1
      return true
    }
    const descriptor = next()
    if (descriptor === undefined || descriptor >= mostTaken) return false
    unseen = Math.min(mostUnseen, Math.floor((mostTaken - descriptor) / freeForEach)) - 1
    return true
  }
}

/** The number of the descriptor that is opened next, which is the lowest that is free. */
export function nextDescriptor(): number | undefined {
  try {
    const descriptor = openSync('/dev/null', 'r')
    closeSync(descriptor)
    return descriptor
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Without this file, the number is not known.
    return code === 'EMFILE' || code === 'ENFILE' ? undefined : 0
  }
}

/** The limit that Node has raised as far as it may (`ulimit -n`); only Linux tells it. */
export function mostDescriptors(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return Number(soft ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
