import { closeSync, openSync, readFileSync } from 'node:fs'

/** Descriptors that sessions leave free, so that refused connections get an answer. */
const reserveOfSessions = 32
/** The reserve is at most this share of all descriptors. */
const reservedShare = 0.1
/** Checks are slow: one check for every `freeForEach` free descriptors, at least one for `mostUnseen`. */
const mostUnseen = 16
const freeForEach = 8

/**
 * Returns a function that tells whether a descriptor is left beside `reserve` and `keptShare` of all. It
 * opens a file: the number is the lowest that is free.
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

/** Undefined if none is left. */
export function nextDescriptor(): number | undefined {
  try {
    const descriptor = openSync('/dev/null', 'r')
    closeSync(descriptor)
    return descriptor
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // The file does not exist on this system.
    return code === 'EMFILE' || code === 'ENFILE' ? undefined : 0
  }
}

/** The soft limit, which Node raises at start (`ulimit -n`). Known on Linux only. */
export function mostDescriptors(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return Number(soft ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
