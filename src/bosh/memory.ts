import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { env, execArgv, memoryUsage } from 'node:process'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { Clock } from '../clock.js'

/** The share of the heap that may be in use. Nearer to its end V8 does little but collect garbage, and then gives up. */
const mostInUse = 0.7
/** The same with the garbage that has not been collected yet. */
const mostFilled = 0.9
/** How long it is relied on what was seen, in milliseconds and in sessions that were asked for. */
const interval = 1_000
const many = 20
/** How many of the sessions must have gone before others may come in their place. */
const leaving = 0.1

/** Says how full the memory is; from 1 on it is too full. */
export interface Measure {
  full(): number
}

/**
 * Measures this process: the heap against what V8 may have of it, and all of its memory against what the operator says,
 * in MiB, if that is not 0.
 */
export class ProcessMemory implements Measure {
  readonly #megabytes: number
  readonly #most = getHeapStatistics().heap_size_limit - youngSize()
  /** Of the heap, when garbage was collected last. */
  #inUse = 0
  readonly #observer = new PerformanceObserver(list => {
    if (list.getEntries().some(isThorough)) this.#inUse = oldSize()
  })

  constructor(megabytes: number) {
    this.#megabytes = megabytes
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  full(): number {
    const heap = Math.max(this.#inUse / mostInUse, oldSize() / mostFilled) / this.#most
    return this.#megabytes === 0 ? heap : Math.max(heap, memoryUsage.rss() / (this.#megabytes * 2 ** 20))
  }

  /** Measures no more. */
  close(): void {
    this.#observer.disconnect()
  }
}

/** Whether all garbage was collected, and not only the young. */
function isThorough(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } }
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

/** The heap without what is young, which is small and mostly gone in a moment; in bytes. */
function oldSize(): number {
  let size = 0
  for (const space of getHeapSpaceStatistics())
    if (!space.space_name.startsWith('new_')) size += space.space_used_size
  return size
}

/** The part of the heap's limit that is for what is young: three times a size of which V8 tells nobody, 16 MiB unless set. */
function youngSize(): number {
  const flags = [...execArgv, env['NODE_OPTIONS'] ?? ''].join(' ')
  const [, megabytes = '16'] = /--max[-_]semi[-_]space[-_]size[= ](\d+)/.exec(flags) ?? []
  return 3 * Number(megabytes) * 2 ** 20
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
  #asked = 0
  #most = Number.POSITIVE_INFINITY

  constructor(clock: Pick<Clock, 'now'>, measure: Measure) {
    this.#clock = clock
    this.#measure = measure
  }

  /** Whether there is memory for one more session beside so many. */
  bears(sessions: number): boolean {
    const now = this.#clock.now()
    if (now - this.#lookedAt >= interval || ++this.#asked >= many) {
      this.#lookedAt = now
      this.#asked = 0
      this.#look(sessions)
    }
    return sessions < this.#most
  }

  #look(sessions: number): void {
    if (this.#measure.full() < 1) this.#most = Number.POSITIVE_INFINITY
    else if (this.#most === Number.POSITIVE_INFINITY)
      this.#most = Math.max(1, Math.floor(sessions * (1 - leaving)))
  }
}
