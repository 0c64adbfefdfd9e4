import { totalmem } from 'node:os'
import { constrainedMemory, memoryUsage } from 'node:process'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from '../clock.js'

/** The share of the heap that may be filled, garbage included. Nearer to its limit V8 does little but collect, and then gives up. */
const mostOfHeap = 0.75
/** How much of the heap's limit is for young objects, most of which are collected at once, in bytes; V8 does not tell. */
const youngSize = 48 * 2 ** 20
/** The share of the machine's or the container's memory that this process may have, unless the operator sets a limit. */
const mostOfMachine = 0.8
/** The share of both for stanzas that wait: a hostile server can make them take four times the memory that is counted. */
const mostWaiting = 1 / 8
/** How long a measurement counts, in milliseconds and in sessions that were asked for. */
const interval = 1_000
const many = 20
/** The share of the sessions that must have gone before others may come in their place. */
const leaving = 0.1
/** How long the memory must have been enough for the sessions there are before so many more may come, in milliseconds. */
const patience = 60_000

/**
 * Measures how full this process is, from 1 on too full: its heap against V8's limit, and all of its memory, which
 * includes what waits for clients, against the operator's limit in MiB or, where that is 0, its part of the machine's, which
 * so many workers share.
 */
export function memoryMeasure(megabytes: number, workers = 0): () => number {
  const heap = heapSize() * mostOfHeap
  const most = processMemory(megabytes, workers)
  let taken = 0
  return () => {
    taken = residentMemory() ?? taken
    return Math.max(getHeapStatistics().used_heap_size / heap, taken / most)
  }
}

/** Memory for stanzas that wait for the clients of this process, in bytes; the parameters are those of `memoryMeasure`. */
export function memoryForWaiting(megabytes: number, workers = 0): number {
  return Math.min(heapSize(), processMemory(megabytes, workers)) * mostWaiting
}

/** The limit of V8's heap, without the young objects, in bytes. */
function heapSize(): number {
  return getHeapStatistics().heap_size_limit - youngSize
}

/** How much memory this process may have, in bytes. */
function processMemory(megabytes: number, workers: number): number {
  // A container without a limit gives 0, or a huge number.
  const machine = Math.min(constrainedMemory() || totalmem(), totalmem())
  return megabytes * 2 ** 20 || (machine * mostOfMachine) / Math.max(1, workers)
}

/** The memory of this process, in bytes; undefined if the system does not tell, as without a free descriptor. */
function residentMemory(): number | undefined {
  try {
    return memoryUsage.rss()
  } catch {
    return undefined
  }
}

/**
 * Decides whether there is memory for one more session beside so many. When the memory is full, there are as many sessions
 * as it bears: no more are taken until some have gone, whether or not their memory is seen to be free by then, because
 * neither the heap nor the system's figure shrinks at once. When the memory is not full any more, any number is taken. The
 * system's figure may never shrink after a peak: while it does not grow either, more sessions are let in bit by bit.
 */
export function memoryBears(clock: Pick<Clock, 'now'>, measure: () => number): (sessions: number) => boolean {
  let lookedAt = Number.NEGATIVE_INFINITY
  let asked = 0
  let most = Number.POSITIVE_INFINITY
  /** How full it was when that was set, and when, in milliseconds of the clock. */
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
