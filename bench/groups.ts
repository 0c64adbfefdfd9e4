// Several processes of one service, as one thing to measure.
import { setTimeout as sleep } from 'node:timers/promises'
import { inFolder } from '../test/support/server-process.js'
import { childrenOf, type ServiceOptions, type Started, startJoined, startService } from './processes.js'

export interface Group {
  /** Of all its processes. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** Two processes, each with a port of its own, that carry requests for each other. */
export interface Pair extends Group {
  readonly both: readonly [Started, Started]
}

export interface Workers extends Group {
  readonly port: number
}

/** How long two processes have to find each other, in milliseconds. */
const joinMilliseconds = 1_500

/** Two processes of one machine: they reach each other over Unix sockets. */
export function startNeighbours(options: ServiceOptions): Promise<Pair> {
  return inFolder('warm-bench-', async (folder, remove) => {
    const pair = await pairOf(() => startJoined(folder, options))
    return { ...pair, stop: () => pair.stop().then(remove) }
  })
}

/** Two processes that reach each other over NATS. */
export function startApart(natsPort: number, options: ServiceOptions): Promise<Pair> {
  const environment = { ...options.environment, NATS_URL: `nats://127.0.0.1:${natsPort}` }
  return pairOf(() => startService({ ...options, environment }))
}

async function pairOf(start: () => Promise<Started>): Promise<Pair> {
  const both = [await start(), await start()] as const
  await sleep(joinMilliseconds)
  return {
    both,
    pids: both.map(({ pid }) => pid),
    stop: async () => void (await Promise.all(both.map(each => each.stop()))),
  }
}

/** So many workers on one port, with their primary. */
export async function startWorkers(count: number, options: ServiceOptions): Promise<Workers> {
  const environment = { ...options.environment, WORKERS: String(count) }
  const { pid, port, stop } = await startService({ ...options, environment })
  await sleep(joinMilliseconds)
  return { port, pids: [pid, ...childrenOf(pid)], stop }
}
