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
/** Milliseconds for which a measurement is valid. */
const interval = 1_000
/** A measurement is valid for this many new sessions. */
const mostNew = 20
/** A full process accepts new sessions after this share of its sessions has ended, even if memory still seems full. */
const endingShare = 0.1
/** If memory has not grown in these milliseconds, a full process accepts a tenth more sessions. */
const patience = 60_000

/** The returned function returns 1 or more if heap or resident memory has reached `share` of its limit. */
export function memoryMeasure(
  megabytes: Most,
  workers = 0,
  collect: () => boolean = () => false,
): (share?: number) => number {
  const heap = heapSize() * mostOfHeap
  let taken = 0
  return (share = 1) => {
    const most = processMemory(numberOf(megabytes), workers)
    taken = residentMemory() ?? taken
    if (taken >= most * share && collect()) taken = residentMemory() ?? taken
    return Math.max(getHeapStatistics().used_heap_size / heap, taken / most) / share
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

/** In bytes. Undefined if no descriptor is free, because Node reads the value from a file. */
export const residentMemory = (): number | undefined => attempt(() => memoryUsage.rss())

export function memoryAllows(clock: Pick<Clock, 'now'>, measure: () => number): (sessions: number) => boolean {
  let lookedAt = Number.NEGATIVE_INFINITY
  let asked = 0
  let most = Number.POSITIVE_INFINITY
  let fullThen = 0
  let setAt = 0

  function look(sessions: number, now: number): void {
    const full = measure()
    const isFirst = most === Number.POSITIVE_INFINITY
    if (full < 1) most = Number.POSITIVE_INFINITY
    else if (isFirst || (full <= fullThen && now - setAt >= patience)) {
      most = isFirst ? Math.max(1, Math.floor(sessions * (1 - endingShare))) : most + Math.ceil(most * endingShare)
      fullThen = full
      setAt = now
    }
  }

  return sessions => {
    const now = clock.now()
    if (now - lookedAt >= interval || ++asked >= mostNew) {
      lookedAt = now
      asked = 0
      look(sessions, now)
    }
    return sessions < most
  }
}
