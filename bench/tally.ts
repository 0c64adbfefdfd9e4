// Counts operations, their latencies and what they cost each process.
import { readdirSync, readFileSync } from 'node:fs'
import type { Figures, Processes } from './work.js'

export class Tally {
  readonly #latencies: number[] = []
  readonly #cpu: Record<string, number> = {}
  #seconds = 0

  constructor(readonly pids: Processes) {}

  /** Adds one operation's latency in milliseconds. */
  add(milliseconds: number): void {
    this.#latencies.push(milliseconds)
  }

  /** Runs a part that counts; the time and the CPU between such parts are left out. */
  async during(part: () => Promise<void>): Promise<void> {
    const before = this.#used()
    const start = performance.now()
    await part()
    this.#seconds += (performance.now() - start) / 1000
    const after = this.#used()
    for (const name of Object.keys(this.pids)) {
      this.#cpu[name] = (this.#cpu[name] ?? 0) + (after[name] ?? 0) - (before[name] ?? 0)
    }
  }

  figures(): Figures {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
    const cpu = Object.entries(this.#cpu).map(
      ([name, microseconds]) => [name, microseconds / Math.max(1, sorted.length)] as const,
    )
    return {
      operations: sorted.length,
      perSecond: sorted.length / this.#seconds,
      p50Milliseconds: at(0.5),
      p99Milliseconds: at(0.99),
      cpuMicroseconds: Object.fromEntries(cpu),
    }
  }

  #used(): Record<string, number> {
    const all = ([name, pids]: [string, number | readonly number[]]) =>
      [name, [pids].flat().reduce((sum, pid) => sum + cpuOf(pid), 0)] as const
    return Object.fromEntries(Object.entries(this.pids).map(all))
  }
}

/**
 * CPU time that a process has used, in microseconds; 0 where there is no /proc. The scheduler counts nanoseconds for
 * each thread; `/proc/PID/stat`, in hundredths of a second, would be a tenth of what a short round costs.
 */
function cpuOf(pid: number): number {
  try {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    }
    return nanoseconds / 1000
  } catch {
    return 0
  }
}
