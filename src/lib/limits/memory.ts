import { totalmem } from 'node:os'
import { constrainedMemory, memoryUsage } from 'node:process'
import { getHeapStatistics } from 'node:v8'
import { attempt } from '../attempt.js'
import type { Clock } from '../clock.js'
import { type Most, numberOf } from './rates.js'

/** Above this share, V8 spends most time on collections, and finally aborts. */
const mostOfHeap = 0.75
/** V8 includes young objects in the heap limit and does not report their size. */
const youngSize = 48 * 2 ** 20
/** Used without MAX_MEMORY_MB. */
const mostOfMachine = 0.8
/** Share of the memory that waiting stanzas may fill. Hostile stanzas need up to four times their counted size. */
const mostWaiting = 1 / 8
/** Milliseconds for which a measurement is valid. It reads several files, which takes 0.3 ms. */
const interval = 250
/** A full process accepts new sessions after this share of its sessions has ended, even if memory still seems full. */
const endingShare = 0.1
/** If memory has not grown in these milliseconds, a full process accepts a tenth more sessions. */
const patience = 60_000
/** At least these more: what was freed after a peak may stay with the process, and then counts as taken. */
const leastMore = 100

/** The returned function returns 1 or more if heap or resident memory has reached `share` of its limit. */
export function memoryMeasure(clock: Pick<Clock, 'now'>, megabytes: Most, workers = 0): (share?: number) => number {
  let measuredAt = Number.NEGATIVE_INFINITY
  let resident = 0
  let full = 0
  const measure = () => {
    measuredAt = clock.now()
    // Node reads the value from a file, and fails if no descriptor is free.
    resident = attempt(memoryUsage.rss) ?? resident
    const most = memoryLimits(numberOf(megabytes), workers)
    full = Math.max(getHeapStatistics().used_heap_size / most.heap, resident / most.resident)
  }
  return (share = 1) => {
    if (clock.now() - measuredAt >= interval) measure()
    return full / share
  }
}

/** In bytes. */
export function memoryForWaiting(megabytes: number, workers = 0): number {
  return Math.min(heapSize(), processMemory(megabytes, workers)) * mostWaiting
}

/** In bytes. */
export function memoryLimits(megabytes: number, workers = 0) {
  return { heap: heapSize() * mostOfHeap, resident: processMemory(megabytes, workers) }
}

/** Heap for old objects, in bytes. */
function heapSize(): number {
  return getHeapStatistics().heap_size_limit - youngSize
}

function processMemory(megabytes: number, workers: number): number {
  // Without a limit, containers report 0 or a huge number.
  const machine = Math.min(constrainedMemory() || totalmem(), totalmem())
  return megabytes * 2 ** 20 || (machine * mostOfMachine) / Math.max(1, workers)
}

export function memoryAllows(clock: Pick<Clock, 'now'>, measure: () => number): (sessions: number) => boolean {
  /** Undefined while there is memory. */
  let limit: { readonly most: number; readonly full: number; readonly at: number } | undefined
  return sessions => {
    const full = measure()
    const at = clock.now()
    if (full < 1) limit = undefined
    else if (limit === undefined) limit = { most: Math.max(1, Math.floor(sessions * (1 - endingShare))), full, at }
    else if (full <= limit.full && at - limit.at >= patience) {
      const more = Math.max(leastMore, Math.ceil(limit.most * endingShare))
      limit = { most: limit.most + more, full, at }
    }
    return limit === undefined || sessions < limit.most
  }
}
