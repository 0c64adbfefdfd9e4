import { Problem } from '../errors.js'
import { WorkQueue } from './work-queue.js'

/** Lets costly hashes off the event loop a few at a time. Rejects with `service-full` where too many wait. */
export class HashQueue extends WorkQueue {
  constructor() {
    // PBKDF2 and scrypt share a pool of four threads with look-ups of names and files; some must stay free. More than a
    // thousand cannot be done before the callers that wait have given up.
    super(2, 1_000, () => new Problem('service-full'))
  }
}
