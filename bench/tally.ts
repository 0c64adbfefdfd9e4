// Counts operations, their latencies and what they cost each process.
import { readFileSync } from 'node:fs'
import type { Figures } from './work.js'

/** Of Linux; `getconf CLK_TCK` is 100 on every machine this runs on. */
const microsecondsPerTick = 10_000

export class Tally {
  readonly #latencies: number[] = []
  readonly #cpu: Record<string, number> = {}
  #seconds = 0

  constructor(readonly pids: Readonly<Record<string, number>>) {}

  /** Adds one operation's latency in milliseconds. */
  add(milliseconds: number): void {
    this.#latencies.push(milliseconds)
  }

  /** Runs a part that counts; the time and the CPU between such parts are left out. */
  async during(part: () => Promise<void>): Promise<void> {
    const before = this.#ticks()
    const start = performance.now()
    await part()
    this.#seconds += (performance.now() - start) / 1000
    const after = this.#ticks()
    for (const name of Object.keys(this.pids)) {
      this.#cpu[name] = (this.#cpu[name] ?? 0) + (after[name] ?? 0) - (before[name] ?? 0)
    }
  }

  figures(): Figures {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
    const cpu = Object.entries(this.#cpu).map(
      ([name, ticks]) => [name, (ticks * microsecondsPerTick) / Math.max(1, sorted.length)] as const,
    )
    return {
      operations: sorted.length,
      perSecond: sorted.length / this.#seconds,
      p50Milliseconds: at(0.5),
      p99Milliseconds: at(0.99),
      cpuMicroseconds: Object.fromEntries(cpu),
    }
  }

  #ticks(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.pids).map(([name, pid]) => [name, ticksOf(pid)]))
  }
}

/** User and system time of a process in clock ticks; 0 where there is no /proc. */
function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}
