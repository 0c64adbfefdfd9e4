import { Problem } from '../errors.js'
import { type WorkQueue, workQueue } from './work-queue.js'

export type HashQueue = WorkQueue

/**
 * PBKDF2 and scrypt share four threads with DNS look-ups and files, so only two run at once. Rejects with
 * `service-full` above 1,000: later callers would have given up.
 */
export const hashQueue = (): HashQueue => workQueue(2, 1_000, () => new Problem('service-full'))
