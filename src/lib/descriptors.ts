import { closeSync, openSync, readFileSync } from 'node:fs'

/** How many sessions leave free, for connections on which requests are refused. */
const reserveOfSessions = 32
/** The share of all that is kept free if that is less. */
const reservedShare = 0.1
/** So many are taken at most without another look, and one for so many descriptors that are free: a look is slow. */
const mostUnseen = 16
const freeForEach = 8

/**
 * Tells whether there are descriptors for one more session or connection, and `reserve` to spare. To look is to open one, since all below the
 * lowest free one are taken; where others are free above it, it is taken first and a later look tells. `most` is how many
 * there may be at a time, and `next` opens one and tells its number, undefined where there is none.
 */
export function descriptorsAreLeft(
  reserve = reserveOfSessions,
  most = mostDescriptors(),
  next = nextDescriptor,
): () => boolean {
  const mostTaken = most - Math.min(reserve, Math.ceil(most * reservedShare))
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
    // Where there is no such file, nothing is known of it.
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
