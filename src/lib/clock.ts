// `performance` is imported, because the global `performance` is a slow getter.
import { performance } from 'node:perf_hooks'

export interface Clock {
  /** Monotonic, in milliseconds. Unix time, as the system had it when the process began. */
  now(): number
  /** The timer does not keep the process alive. If `ms` is 0, `callback` runs in the next turn of the event loop. */
  after(ms: number, callback: () => void): Timer
}

export interface Timer {
  cancel(): void
}

const origin = performance.timeOrigin

export const pause = (clock: Pick<Clock, 'after'>, ms: number) =>
  new Promise<void>(resolve => void clock.after(ms, resolve))

export const systemClock: Clock = {
  now: () => origin + performance.now(),
  after(ms, callback) {
    if (ms === 0) {
      // Timers need at least 1 ms.
      const immediate = setImmediate(callback)
      return { cancel: () => clearImmediate(immediate) }
    }
    const timeout = setTimeout(callback, ms)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
}
