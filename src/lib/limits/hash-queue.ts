import { Problem } from '../errors.js'
import type { OnRefused } from './reached-limits.js'
import { type WorkQueue, workQueue } from './work-queue.js'

const mostWaiting = 1_000

/** Few hashes run at once, because hashes share four threads with DNS and files. */
export const hashQueue = (refused?: OnRefused): WorkQueue => workQueue(2, mostWaiting, serviceFull(refused))

/** One hash runs at a time, so that wrong secrets of admins do not delay SCRAM logins. */
export const adminHashQueue = (refused?: OnRefused): WorkQueue => workQueue(1, mostWaiting, serviceFull(refused))

const serviceFull = (refused?: OnRefused) => () => {
  refused?.('hashes')
  return new Problem('service-full', { detail: 'Too many secrets wait for their hash.' })
}
