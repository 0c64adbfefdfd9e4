// A process of the built service, as an operator would run it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../http-answer.js'
import { main } from '../operated-service.js'

export interface FlockOptions {
  readonly environment: Readonly<Record<string, string>>
  /** Where the logs go. */
  readonly folder: string
}

/** A process that sessions live in. */
export interface Member {
  /** As its sessions begin. */
  readonly node: string
  readonly pid: number
  /** When it was there, in milliseconds of `performance.now()`. */
  readonly since: number
  isLeaving: boolean
  isGone: boolean
  isStopped: boolean
  /** Descriptors that it had open when it was there. */
  readonly descriptors: number
}

/** Kills what was started when this process ends. */
const started = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

/** What the service is told in addition to what the run sets. */
const settings = {
  METRICS_ADDRESS: 'none',
  ...{ RATE_WARMS_PER_JID: '0', MAX_SESSIONS_PER_JID: '0', MAX_CONNECTIONS_PER_ADDRESS: '0' },
  // Who is away for longer is gone, so that the end need not be waited for.
  ...{ BOSH_INACTIVITY: '30', WEBSOCKET_RESUME: '30', WARM_ATTACH_TIMEOUT: '30' },
}

/** How many descriptors a process has open; none where it is gone. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

/** Several processes of one service. */
export interface Flock {
  readonly url: string
  /** Those that are there. */
  readonly members: readonly Member[]
  signal(member: Member, signal: NodeJS.Signals): void
  /** What they say of themselves, each or all together, as Prometheus reads it. */
  metrics(): Promise<string[]>
  stop(): Promise<void>
}

/** Runs the built service; resolves once it listens. */
export async function run({ environment, folder }: FlockOptions, name: string, seconds = 15): Promise<ChildProcess> {
  const log = openSync(join(folder, `${name}.log`), 'a')
  const child = spawn(process.execPath, ['--min-semi-space-size=16', main], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...settings, ...environment },
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  started.add(child)
  child.once('exit', () => started.delete(child))
  const url = `http://127.0.0.1:${environment['PORT']}/readyz`
  for (const deadline = performance.now() + seconds * 1000; performance.now() < deadline; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`${name} ended at its start: see ${folder}`)
    const answer = await ask(url, { agent: false, signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    if (answer?.status === 200) return child
  }
  throw new Error(`${name} is not ready after ${seconds} s: see ${folder}`)
}

/** Ends a process in good order; at once where it takes too long. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGCONT')
  child.kill('SIGINT')
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await exit
  clearTimeout(late)
}

export async function metricsAt(port: number): Promise<string> {
  return (await ask(`http://127.0.0.1:${port}/metrics`, { agent: false })).text
}
