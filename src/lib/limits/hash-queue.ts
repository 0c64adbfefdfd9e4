import { Problem } from '../errors.js'
import { type WorkQueue, workQueue } from './work-queue.js'

export type HashQueue = WorkQueue

/** PBKDF2 and scrypt share four threads with DNS look-ups and files, so few run at once. Rejects with `service-full`. */
export const hashQueue = (): HashQueue => workQueue(2, 1_000, serviceFull)

/** Hashes admins' secrets one at a time, so that wrong secrets do not delay SCRAM logins. */
export const adminHashQueue = (): HashQueue => workQueue(1, 1_000, serviceFull)

const serviceFull = () => new Problem('service-full', { detail: 'Too many secrets wait for their hash.' })
