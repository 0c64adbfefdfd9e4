import { totalmem } from 'node:os'
import { constrainedMemory, memoryUsage } from 'node:process'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../lib/clock.js'

/** The share of the heap that may be filled, garbage and all. Nearer to its end V8 does little but collect, and then gives up. */
const mostOfHeap = 0.75
/** Of the heap's limit this is for what is young and mostly gone in a moment, in bytes; V8 does not tell how much it is. */
const youngSize = 48 * 2 ** 20
/** The share of what the machine or the container has that this process may have, where the operator says nothing. */
const mostOfMachine = 0.8
/** How long it is relied on what was seen, in milliseconds and in sessions that were asked for. */
const interval = 1_000
const many = 20
/** How many of the sessions must have gone before others may come in their place. */
const leaving = 0.1
/** How long there must have been enough for as many as there are before there may be so many more, in milliseconds. */
const patience = 60_000

/** Says how full the memory is; from 1 on it is too full. */
export interface Measure {
  full(): number
}

/**
 * Measures this process: its heap against what V8 may have of it, and all of its memory, with whatever waits outside of
 * the heap for clients, against what the operator says, in MiB; where that is 0, against what there is.
 */
export function processMemory(megabytes: number): Measure {
  const heap = (getHeapStatistics().heap_size_limit - youngSize) * mostOfHeap
  // A container without a limit says nothing, or a number beyond all measure.
  const most = megabytes * 2 ** 20 || Math.min(constrainedMemory() || totalmem(), totalmem()) * mostOfMachine
  return {
    full() {
      const { heapUsed, rss } = memoryUsage()
      return Math.max(heapUsed / heap, rss / most)
    },
  }
}

/**
 * Knows how many sessions the memory of this process bears. When it is full there are as many as it bears: no more are
 * taken until some have gone, whether their memory is seen to be free by then or not, since neither the heap nor the
 * system's figure shrinks at once. When there is memory again, any number is taken. The system's figure may never shrink
 * after a peak: where it does not grow either, what is free within it is given out bit by bit.
 */
export class SessionMemory {
  readonly #clock: Pick<Clock, 'now'>
  readonly #measure: Measure
  #lookedAt = Number.NEGATIVE_INFINITY
  #asked = 0
  #most = Number.POSITIVE_INFINITY
  /** How full it was when that was set, and when, in milliseconds of the clock. */
  #full = 0
  #setAt = 0

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
      this.#look(sessions, now)
    }
    return sessions < this.#most
  }

  #look(sessions: number, now: number): void {
    const full = this.#measure.full()
    if (full < 1) this.#most = Number.POSITIVE_INFINITY
    else if (this.#most === Number.POSITIVE_INFINITY)
      this.#set(Math.max(1, Math.floor(sessions * (1 - leaving))), full, now)
    else if (full <= this.#full && now - this.#setAt >= patience)
      this.#set(this.#most + Math.ceil(this.#most * leaving), full, now)
  }

  #set(most: number, full: number, now: number): void {
    this.#most = most
    this.#full = full
    this.#setAt = now
  }
}
