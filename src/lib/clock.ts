// The global is looked up by a getter each time, and a request asks for the time again and again.
import { performance } from 'node:perf_hooks'

/** Time as the parts see it; tests move it by hand. */
export interface Clock {
  /** Milliseconds that only ever grow; no wall clock. */
  now(): number
  /** Calls back once after `ms` milliseconds, with 0 in the event loop's next turn. Does not keep the process alive. */
  after(ms: number, callback: () => void): Timer
}

export interface Timer {
  cancel(): void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    if (ms === 0) {
      // No timer comes before a millisecond is over.
      const immediate = setImmediate(callback)
      return { cancel: () => clearImmediate(immediate) }
    }
    const timeout = setTimeout(callback, ms)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
}
