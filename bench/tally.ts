import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Figures, Processes } from './work.js'

export class Tally {
  readonly #latencies: number[] = []
  readonly #cpu: Record<string, number> = {}
  #seconds = 0

  constructor(readonly pids: Processes) {}

  readonly add = (milliseconds: number): void => {
    this.#latencies.push(milliseconds)
  }

  async during(part: () => Promise<void>): Promise<void> {
    const before = this.#used()
    const start = performance.now()
    await part()
    this.#seconds += (performance.now() - start) / 1000
    for (const [name, used] of Object.entries(this.#used()))
      this.#cpu[name] = (this.#cpu[name] ?? 0) + used - (before[name] ?? 0)
  }

  figures(): Figures {
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const operations = sorted.length
    const at = (share: number) => sorted[Math.floor(share * (operations - 1))] ?? 0
    const cpu = Object.entries(this.#cpu).map(([name, used]) => [name, used / Math.max(1, operations)])
    return {
      operations,
      perSecond: operations / this.#seconds,
      p50Milliseconds: at(0.5),
      p99Milliseconds: at(0.99),
      cpuMicroseconds: Object.fromEntries(cpu),
    }
  }

  #used(): Record<string, number> {
    const used = Object.entries(this.pids).map(([name, pids]) => {
      const all = [pids].flat()
      return [name, all.reduce((sum, pid) => sum + cpuMicroseconds(pid), 0)] as const
    })
    return Object.fromEntries(used)
  }
}

function cpuMicroseconds(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const used = (thread: string) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]
    return threads.reduce((sum, thread) => sum + Number(used(thread)), 0) / 1000
  } catch {
    return 0
  }
}

export const residentKib = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

export type Question = 'pause' | 'collectGarbage'

export const socketOf = (pid: number) => `/tmp/warm-bindings-probe-${pid}`

/** Asks a process that has loaded probe.ts. */
export async function ask(pid: number, question: Question): Promise<number> {
  const socket = connect(socketOf(pid))
  socket.write(question)
  return Number(await text(socket))
}
