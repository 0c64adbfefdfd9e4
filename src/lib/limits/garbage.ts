import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock, Timer } from '../clock.js'

const shortest = 5_000
/** Collections take at most 1/20 of the time. */
const rarity = 20
const interval = 2_000
/** Resident memory must grow by this share before the next collection. */
const growth = 0.1
const mostBusy = 0.3
/** With more sessions, a collection takes too long. */
const mostSessions = 1_000

export function v8Collector(): () => void {
  let gc: ((options?: object) => void) | undefined
  return () => {
    gc ??= exposed()
    if (Number.parseInt(process.versions.node, 10) > 20) {
      // Only with `last-resort`, V8 returns free pages to the system.
      gc({ type: 'major', flavor: 'last-resort' })
      return
    }
    // With options, Node 20 would collect young objects only. A single collection would return memory late.
    gc()
    gc()
  }
}

function exposed(): (options?: object) => void {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc')
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}

export function rareCollector(clock: Pick<Clock, 'now'>, run: () => void): () => boolean {
  let notBefore = Number.NEGATIVE_INFINITY
  return () => {
    const start = clock.now()
    if (start < notBefore) return false
    run()
    const end = clock.now()
    notBefore = end + Math.max(shortest, (end - start) * rarity)
    return true
  }
}

interface SweepParts {
  readonly collect: () => boolean
  readonly clock: Clock
  /** In bytes. Undefined if unreadable. */
  readonly resident: () => number | undefined
  readonly waiting: () => number
  readonly sessions: () => number
  readonly busy?: () => number
}

/** Collects garbage if memory has grown and the process is idle. Returns a function that stops the checks. */
export function sweepGarbage(parts: SweepParts): () => void {
  const { collect, clock, resident, waiting, sessions, busy = busyShare() } = parts
  const taken = () => Math.max(0, (resident() ?? 0) - waiting())
  let left: number | undefined
  let timer: Timer | undefined
  const sweep = () => {
    const isIdle = busy() <= mostBusy
    left ??= taken()
    if (isIdle && sessions() <= mostSessions && taken() > left * (1 + growth) && collect()) left = taken()
    timer = clock.after(interval, sweep)
  }
  timer = clock.after(interval, sweep)
  return () => timer?.cancel()
}

function busyShare(): () => number {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return utilization
  }
}
