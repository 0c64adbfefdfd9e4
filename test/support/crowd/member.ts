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
  /** Its name, with which the sids of its sessions begin. */
  readonly node: string
  readonly pid: number
  /** When it was ready, in milliseconds of `performance.now()`. */
  readonly since: number
  isLeaving: boolean
  isGone: boolean
  isStopped: boolean
  /** Number of its open descriptors when it was ready. */
  readonly descriptors: number
}

/** Child processes, which are killed when this process ends. */
const started = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

/** Settings that a run can override. */
const settings = {
  METRICS_ADDRESS: 'none',
  ...{ RATE_WARMS_PER_JID: '0', MAX_SESSIONS_PER_JID: '0', MAX_CONNECTIONS_PER_ADDRESS: '0' },
  // Sessions of absent pages end soon, so that a run does not wait long for their end.
  ...{ BOSH_INACTIVITY: '30', WEBSOCKET_RESUME: '30', WARM_ATTACH_TIMEOUT: '30' },
}

/** Number of open descriptors. 0 if the process is gone. */
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
  /** The running processes. */
  readonly members: readonly Member[]
  signal(member: Member, signal: NodeJS.Signals): void
  /** Metrics as Prometheus reads them: one text for each process, or one for all. */
  metrics(): Promise<string[]>
  stop(): Promise<void>
}

/** Runs the built service. Resolves once it is ready. */
export async function run({ environment, folder }: FlockOptions, name: string, seconds = 40): Promise<ChildProcess> {
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

/** Stops a process with SIGINT, and kills it if it does not end within 30 s. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGCONT')
  child.kill('SIGINT')
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000)
  await exit
  clearTimeout(late)
}

export async function metricsAt(port: number): Promise<string> {
  return (await ask(`http://127.0.0.1:${port}/metrics`, { agent: false })).text
}
