import { Problem } from '../errors.js'
import { type WorkQueue, workQueue } from './work-queue.js'

export type HashQueue = WorkQueue

/**
 * Lets costly hashes off the event loop a few at a time. Rejects with `service-full` where too many wait. PBKDF2 and scrypt
 * share a pool of four threads with look-ups of names and files; some must stay free. More than a thousand cannot be done
 * before the callers that wait have given up.
 */
export const hashQueue = (): HashQueue => workQueue(2, 1_000, () => new Problem('service-full'))
