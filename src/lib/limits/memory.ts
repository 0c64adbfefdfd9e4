import { totalmem } from 'node:os'
import { constrainedMemory, memoryUsage } from 'node:process'
import { getHeapStatistics } from 'node:v8'
import { attempt } from '../attempt.js'
import type { Clock } from '../clock.js'
import { type Most, numberOf } from './rates.js'

/** Above this share, V8 collects most of the time, and aborts in the end. */
const mostOfHeap = 0.75
/** Bytes for young objects in the heap limit. V8 does not report this size. */
const youngSize = 48 * 2 ** 20
/** Used without MAX_MEMORY_MB. */
const mostOfMachine = 0.8
/** Share of the heap's or the process's limit, whichever is less. Hostile stanzas can take four times their counted size. */
const mostWaiting = 1 / 8
/** A measurement expires after this time, or after this many new sessions. */
const interval = 1_000
const many = 20
/** Share of the sessions that must end before a full process accepts new sessions. */
const leaving = 0.1
/** After this time, a few more sessions are accepted if memory does not grow. */
const patience = 60_000

/**
 * Returns how full the process is: heap by V8's limit, or resident memory by `megabytes`, whichever is more. With 0
 * megabytes, the limit is a share of the machine. Resident memory counts as full only if `collect` does not help.
 */
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

/** In bytes. */
function processMemory(megabytes: number, workers: number): number {
  // Without a limit, containers report 0 or a huge number.
  const machine = Math.min(constrainedMemory() || totalmem(), totalmem())
  return megabytes * 2 ** 20 || (machine * mostOfMachine) / Math.max(1, workers)
}

/** In bytes. Undefined if no descriptor is free. */
export const residentMemory = (): number | undefined => attempt(() => memoryUsage.rss())

/** Caps the sessions of a full process until some have ended: freed memory shows late. */
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
      most = isFirst ? Math.max(1, Math.floor(sessions * (1 - leaving))) : most + Math.ceil(most * leaving)
      fullThen = full
      setAt = now
    }
  }

  return sessions => {
    const now = clock.now()
    if (now - lookedAt >= interval || ++asked >= many) {
      lookedAt = now
      asked = 0
      look(sessions, now)
    }
    return sessions < most
  }
}
