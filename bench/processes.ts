// The processes under measurement and the ones that put the load on them.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../test/support/ports.js'
import { children } from './children.js'
import type { Inspected } from './inspector.js'
import { admin, domain, type Figures, type Outcome, type Work } from './work.js'

/** The repository's root, from dist-bench/bench, where this file is once built. */
const root = new URL('../../', import.meta.url)

/** Settings that are not as delivered, with what that turns off; the output names them. */
const turnedOff: Readonly<Record<string, { value: string; means: string }>> = {
  RATE_WARMS_PER_JID: { value: '0', means: 'the same few users are warmed again and again' },
  MAX_SESSIONS_PER_JID: { value: '0', means: 'and have many sessions each' },
  METRICS_ADDRESS: { value: '127.0.0.1:0', means: 'a free port; everything is counted as usual' },
  LOG_LEVEL: { value: 'warn', means: 'no line is written for each warm' },
  AUDIT_LOG: { value: 'off', means: 'nor is one of the audit trail' },
}

/** What is different from how the service and its peers are delivered, in words. */
export const limitsTurnedOff: readonly string[] = [
  ...Object.entries(turnedOff).map(([name, { value, means }]) => `service: ${name}=${value}, ${means}`),
  'Prosody: no mod_limits, a listen backlog of 1024, log level warn, and a restart before each round',
  'ejabberd: no shaper, a listen backlog of 1024, log level warning',
]

/** A process that answers over HTTP. */
export interface Started extends Inspected {
  readonly port: number
  /** Ends it as an operator would, and resolves once it is gone. */
  stop(): Promise<void>
}

export interface Service extends Started {
  /** How late the event loop was since the last call, in milliseconds; only where it was asked to be measured. */
  lag(): Promise<Lag>
}

export interface Lag {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface ServiceOptions {
  /** Client port of the XMPP server. */
  readonly c2sPort: number
  /** PEM file with the certificate to trust: the link is made over STARTTLS then, and a plain one without. */
  readonly caFile?: string
  /** Flags for Node beside those of `npm start`. */
  readonly flags?: readonly string[]
  readonly measureLag?: boolean
  /** Further settings; they win over those of the benchmark. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts the built service before an XMPP server, as an operator would. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { flags = [], measureLag = false } = options
  const lag = measureLag ? [`--import=${new URL('./lag.js', import.meta.url)}`] : []
  const main = fileURLToPath(new URL('dist/main.js', root))
  const words = [...flags, ...lag, main]
  const { child, ...started } = await startNode(words, settingsFor(options), '/http-bind')
  return {
    ...started,
    lag: async () => {
      const said = once(child.stdio[3] as Readable, 'data')
      child.kill('SIGUSR2')
      const [line] = await said
      return JSON.parse(String(line)) as Lag
    },
  }
}

/** Starts the built service as one of those that reach each other over the sockets in a folder (`joined.ts`). */
export async function startJoined(folder: string, options: ServiceOptions): Promise<Started> {
  const script = fileURLToPath(new URL('./joined.js', import.meta.url))
  const environment = { ...settingsFor(options), SOCKETS_FOLDER: folder }
  const { child, ...started } = await startNode([script], environment, '/http-bind')
  return started
}

function settingsFor({ c2sPort, caFile, environment }: ServiceOptions): Record<string, string> {
  const link = caFile === undefined ? 'tls=none' : `ca=${caFile}`
  return {
    ADMIN_USERS: admin,
    XMPP_DOMAINS: domain,
    XMPP_SERVERS: `${domain}=xmpp://127.0.0.1:${c2sPort}?${link}`,
    METRICS_ADDRESS: 'none',
    ...Object.fromEntries(Object.entries(turnedOff).map(([name, { value }]) => [name, value])),
    ...environment,
  }
}

/** The processes that a process has started. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
  return text.split(' ').flatMap(word => (word === '' ? [] : [Number(word)]))
}

/** Starts the least that Node can do; it connects to `serverPort`. */
export async function startFloor(serverPort: number): Promise<Started> {
  const script = fileURLToPath(new URL('./floor.js', import.meta.url))
  const { child, ...started } = await startNode([script], { SERVER_PORT: String(serverPort) }, '/')
  return started
}

/** Flags that `npm start` gives to Node: what is measured is what operators run. */
export function startFlags(): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const words = String(scripts.start).split(' ')
  return words.slice(words.indexOf('node') + 1, words.indexOf('dist/main.js'))
}

/** Starts a server on a free port and waits until it answers; rejects, with what it printed, after 15 s. */
async function startNode(words: readonly string[], environment: Record<string, string>, path: string) {
  const [port = 0, inspectorPort = 0] = await freePorts(2)
  const child = spawn(process.execPath, [...startFlags(), ...words], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      // Says only where the inspector is when it is woken; the usual port may be another process's.
      NODE_OPTIONS: `--inspect-port=127.0.0.1:${inspectorPort}`,
      HOST: '127.0.0.1',
      PORT: String(port),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  children.add(child)
  const gone = once(child, 'exit').finally(() => children.delete(child))
  let said = ''
  const collect = (chunk: Buffer) => {
    said = (said + chunk).slice(-4000)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const stop = async () => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await gone
    clearTimeout(late)
  }
  for (const deadline = Date.now() + 15_000; ; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`${words.at(-1)} ended at start:\n${said}`)
    if (Date.now() > deadline) throw new Error(`${words.at(-1)} does not answer after 15 s:\n${said}`)
    const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined)
    await response?.body?.cancel()
    if (response?.status === 200) return { pid: child.pid ?? 0, port, inspectorPort, stop, child }
  }
}

export interface LoadClient {
  readonly pid: number
  /**
   * Runs one round; rejects when the round fails, takes over `seconds` or the client dies. `ready` is called once all
   * sessions of a `hold` are open.
   */
  run(work: Work, about?: { seconds?: number; ready?: (sessions: number) => void }): Promise<Figures>
  stop(): void
}

/** Starts a load client. */
export function startLoadClient(): LoadClient {
  const child = fork(fileURLToPath(new URL('./load.js', import.meta.url)))
  children.add(child)
  return {
    pid: child.pid ?? 0,
    run: (work, { seconds = 60, ready } = {}) =>
      new Promise((resolve, reject) => {
        const name = `${work.part} on ${work.target.kind}`
        const over = () => {
          clearTimeout(late)
          child.off('message', listen)
          child.off('exit', die)
        }
        const fail = (reason: string) => {
          over()
          reject(new Error(`${name}: ${reason}`))
        }
        const late = setTimeout(() => fail(`takes over ${seconds} s`), seconds * 1000)
        const die = () => fail('the load client died')
        const listen = (said: Outcome | { ready: number }) => {
          if ('ready' in said) return ready?.(said.ready)
          if ('failure' in said) return fail(said.failure)
          over()
          resolve(said.figures)
        }
        child.on('message', listen as (said: unknown) => void)
        child.on('exit', die)
        child.send(work)
      }),
    stop: () => {
      child.kill('SIGKILL')
      children.delete(child)
    },
  }
}
