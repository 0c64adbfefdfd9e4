// The workers of one command, on one port.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isProcessName } from '../../../src/store/process-name.js'
import { freePorts } from '../ports.js'
import { childrenOf, type ServerProcess } from '../server-process.js'
import { ended, type Flock, type FlockOptions, type Member, memberOf, metricsAt, run } from './member.js'

export class WorkerFlock implements Flock {
  members: Member[] = []
  readonly #primary: ServerProcess
  readonly #port: number
  readonly #metricsPort: number

  private constructor(primary: ServerProcess, port: number, metricsPort: number) {
    this.#primary = primary
    this.#port = port
    this.#metricsPort = metricsPort
  }

  static async start(count: number, { environment, folder }: FlockOptions): Promise<WorkerFlock> {
    const [port = 0, metricsPort = 0] = await freePorts(2)
    const own = { PORT: String(port), HOST: '127.0.0.1', METRICS_ADDRESS: `127.0.0.1:${metricsPort}` }
    const settings = { ...environment, ...own, WORKERS: String(count) }
    const primary = await run({ folder, environment: settings }, 'workers')
    const flock = new WorkerFlock(primary, port, metricsPort)
    for (let left = 100; left > 0 && flock.members.length < count; left--) {
      await sleep(100)
      flock.look()
    }
    // Descriptors are counted again, because by now the workers have connected to each other.
    flock.members = []
    await sleep(1_000)
    flock.look()
    return flock
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  look(): void {
    const before = new Map(this.members.map(member => [member.pid, member]))
    const names = namesBySocket()
    const pids = childrenOf(this.#primary.pid)
    for (const [pid, member] of before) if (!pids.includes(pid)) member.isGone = true
    this.members = pids.flatMap(pid => {
      const known = before.get(pid)
      const node = known?.node ?? socketsOf(pid).flatMap(socket => names.get(socket) ?? [])[0]
      return known ?? (node === undefined ? [] : memberOf(node, pid))
    })
  }

  signal(member: Member, signal: NodeJS.Signals): void {
    try {
      process.kill(member.pid, signal)
    } catch {
      // It has been replaced in the meantime.
    }
  }

  replaceAll(): void {
    this.#primary.signal('SIGUSR2')
  }

  /** The metrics of all workers in one text. */
  async metrics(): Promise<string[]> {
    this.look()
    return [await metricsAt(this.#metricsPort)]
  }

  stop(): Promise<void> {
    return ended(this.#primary)
  }
}

/** Names of the processes that listen on Unix sockets, by the inode of the socket. */
function namesBySocket(): Map<string, string> {
  const lines = readFileSync('/proc/net/unix', 'latin1').split('\n')
  const found = lines.flatMap(line => {
    const [, , , flags, , , socket = '', path = ''] = line.split(/\s+/)
    const name = /\/([^/.]+)\.\w+$/.exec(path)?.[1] ?? ''
    // Listening sockets only (__SO_ACCEPTCON), because their connections have the same path.
    return isProcessName(name) && flags === '00010000' ? [[socket, name] as const] : []
  })
  return new Map(found)
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap(descriptor => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? []
    } catch {
      return []
    }
  })
}
