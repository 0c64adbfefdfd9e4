import { memoryUsage } from 'node:process'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../clock.js'

/** The share of the heap that may be full. Near its end V8 does little else than look for what it can throw away. */
const mostOfHeap = 0.85
/** How often it is looked, at most, in milliseconds. */
const interval = 1_000
/** How many of the sessions must have gone before others may come in their place. */
const leaving = 0.1

/** Says how full the memory is; from 1 on it is too full. */
export type Measure = () => number

/**
 * Measures this process: the heap against what V8 may have of it, and all of its memory against what the operator says,
 * in MiB, if that is not 0.
 */
export function processMemory(megabytes: number): Measure {
  return () => {
    const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics()
    const heap = used / (most * mostOfHeap)
    return megabytes === 0 ? heap : Math.max(heap, memoryUsage.rss() / (megabytes * 2 ** 20))
  }
}

/**
 * Knows how many sessions the memory of this process bears. When it is full there are as many as it bears: no more are
 * taken until some have gone, whether their memory is seen to be free by then or not, since neither the heap nor the
 * system's figure shrinks at once. When there is memory again, any number is taken.
 */
export class SessionMemory {
  readonly #clock: Pick<Clock, 'now'>
  readonly #measure: Measure
  #lookedAt = Number.NEGATIVE_INFINITY
  #most = Number.POSITIVE_INFINITY

  constructor(clock: Pick<Clock, 'now'>, measure: Measure) {
    this.#clock = clock
    this.#measure = measure
  }

  /** Whether there is memory for one more session beside so many. */
  bears(sessions: number): boolean {
    const now = this.#clock.now()
    if (now - this.#lookedAt >= interval) {
      this.#lookedAt = now
      this.#look(sessions)
    }
    return sessions < this.#most
  }

  #look(sessions: number): void {
    if (this.#measure() < 1) this.#most = Number.POSITIVE_INFINITY
    else if (this.#most === Number.POSITIVE_INFINITY)
      this.#most = Math.max(1, Math.floor(sessions * (1 - leaving)))
  }
}
