import { Problem } from '../errors.js'
import type { OnRefused } from './reached-limits.js'
import { type WorkQueue, workQueue } from './work-queue.js'

const mostWaiting = 1_000

/** Few hashes run at once, because hashes share four threads with DNS and files. */
export function hashQueue(refused?: OnRefused, atOnce = 2): WorkQueue {
  return workQueue(atOnce, mostWaiting, () => {
    refused?.('hashes')
    return new Problem('service-full', { detail: 'Too many secrets wait for their hash.' })
  })
}
