import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { attempt } from '../attempt.js'

/** Sessions leave these descriptors free, so that refused connections get an answer. */
const reserveOfSessions = 32
const largestReservedShare = 0.1

export class Descriptors {
  expected = 0

  constructor(
    readonly most = mostDescriptors(),
    readonly next = nextDescriptor,
  ) {}

  get taken(): number {
    return (this.next() ?? Number.POSITIVE_INFINITY) + this.expected
  }

  /** `keptShare`: a share of all descriptors, kept free in addition to `reserve`. */
  room(reserve = reserveOfSessions, keptShare = 0): () => boolean {
    const { most } = this
    const kept = Math.min(reserve, Math.ceil(most * largestReservedShare)) + Math.ceil(most * keptShare)
    const mostTaken = most === Number.POSITIVE_INFINITY ? most : most - kept
    return () => this.taken < mostTaken
  }
}

/** Opening takes 2 µs. */
function nextDescriptor(): number | undefined {
  try {
    const descriptor = openSync('/dev/null', 'r')
    closeSync(descriptor)
    return descriptor
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EMFILE' || code === 'ENFILE' ? undefined : 0
  }
}

/** The soft limit (`ulimit -n`), which Node raises at its start. Known on Linux only. */
export function mostDescriptors(): number {
  const limits = attempt(() => readFileSync('/proc/self/limits', 'utf8')) ?? ''
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
  return Number(soft ?? Number.POSITIVE_INFINITY)
}

/** Of this process, on Linux. Since Linux 6.2, the size of the folder is their number. */
export const openDescriptors = (folder = '/proc/self/fd'): number =>
  statSync(folder).size || readdirSync(folder).length - 1
