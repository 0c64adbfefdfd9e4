import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Listener } from '../test/support/listener.js'
import { freePorts } from '../test/support/ports.js'
import { settingsFor, startRedisServer } from '../test/support/redis-server.js'
import { answersAt, childrenOf, inFolder, startServerProcess } from '../test/support/server-process.js'
import { admin, domain, type Figures, type Outcome, type Work } from './work.js'

export const root = new URL('../../', import.meta.url)
export const pathOf = (script: string) => fileURLToPath(new URL(script, import.meta.url))

const turnedOff: Readonly<Record<string, { value: string; means: string }>> = {
  RATE_WARMS_PER_JID: { value: '0', means: 'the same few users are warmed again and again' },
  MAX_SESSIONS_PER_JID: { value: '0', means: 'and have many sessions each' },
  METRICS_ADDRESS: { value: '127.0.0.1:0', means: 'a free port; everything is counted as usual' },
  LOG_LEVEL: { value: 'warn', means: 'no line is written for each warm' },
  AUDIT_LOG: { value: 'off', means: 'nor is one of the audit trail' },
}

export const differencesFromDelivery: readonly string[] = [
  ...Object.entries(turnedOff).map(([name, { value, means }]) => `service: ${name}=${value}, ${means}`),
  'Prosody: no mod_limits, a listen backlog of 1024, log level warn, and a restart before each round',
  'ejabberd: no shaper, a listen backlog of 1024, log level warning',
]

export const closing = <T extends { stop(): Promise<void> }>(part: T): T & AsyncDisposable =>
  Object.assign(part, { [Symbol.asyncDispose]: () => part.stop() })

export interface Started extends AsyncDisposable {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

export interface ServiceOptions {
  readonly c2sPort: number
  readonly caFile?: string
  readonly link?: string
  readonly environment?: Readonly<Record<string, string>>
}

export const startService = (options: ServiceOptions): Promise<Started> =>
  startNode(fileURLToPath(new URL('dist/main.js', root)), environmentOf(options))

function environmentOf({ c2sPort, caFile, link: own, environment }: ServiceOptions): Record<string, string> {
  const link = own ?? (caFile === undefined ? 'tls=none' : `ca=${caFile}`)
  return {
    ADMIN_USERS: admin,
    XMPP_DOMAINS: domain,
    XMPP_SERVERS: `${domain}=xmpp://127.0.0.1:${c2sPort}?${link}`,
    ...Object.fromEntries(Object.entries(turnedOff).map(([name, { value }]) => [name, value])),
    ...environment,
  }
}

export const startFloor = (serverPort: number): Promise<Started> =>
  startNode(pathOf('floor.js'), { SERVER_PORT: String(serverPort) })

const joinMilliseconds = 1_500

export async function startStore() {
  const redis = await startRedisServer()
  return closing({ pid: redis.pid, environment: settingsFor(redis), stop: () => redis.remove() })
}

type Environment = NonNullable<ServiceOptions['environment']>

/** Two processes that reach each other over TLS, as on two machines. */
export const startApart = (store: Environment, options: ServiceOptions) =>
  startNeighbours({ ...store, PEER_LISTEN: '127.0.0.1:0' }, options)

/** Two processes of one machine, which reach each other over Unix sockets. */
export async function startNeighbours(store: Environment, options: ServiceOptions) {
  const start = () => startService({ ...options, environment: { ...options.environment, ...store } })
  const both = [await start(), await start()] as const
  await sleep(joinMilliseconds)
  const stop = async () => void (await Promise.all(both.map(each => each.stop())))
  return closing({ both, pids: both.map(({ pid }) => pid), stop })
}

export async function startWorkers(count: number, options: ServiceOptions) {
  const store = await startStore()
  const service = await startService({
    ...options,
    environment: { ...options.environment, ...store.environment, WORKERS: String(count) },
  })
  await sleep(joinMilliseconds)
  const workers = childrenOf(service.pid)
  const stop = () => service.stop().then(() => store.stop())
  return closing({ port: service.port, pids: [service.pid, ...workers], workers, store, stop })
}

export const startEcho = async () =>
  closing(
    await Listener.start(createServer({ noDelay: true }, socket => socket.on('data', chunk => socket.write(chunk)))),
  )

export function startFlags(): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const words = String(scripts.start).split(' ')
  return words.slice(words.indexOf('node') + 1, words.indexOf('--'))
}

const startNode = (script: string, environment: Record<string, string>): Promise<Started> =>
  inFolder('warm-bench-', async (folder, remove) => {
    const [port = 0] = await freePorts(1)
    const probe = `--import=${new URL('probe.js', import.meta.url)}`
    const running = await startServerProcess({
      ...{ name: 'measured', folder, patience: { start: 15_000, end: 15_000 } },
      command: [process.execPath, ...startFlags(), probe, script],
      environment: {
        ...{ PATH: process.env['PATH'], NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port) },
        ...environment,
      },
      isReady: answersAt(`http://127.0.0.1:${port}/http-bind`),
    })
    return closing({ pid: running.pid, port, stop: () => running.end('SIGTERM').then(remove) })
  })

export type LoadClient = ReturnType<typeof startLoadClient>

export function startLoadClient() {
  const child = fork(pathOf('load.js'))
  return closing({
    pid: child.pid ?? 0,
    go: () => void child.send('go'),
    run: (work: Work, { seconds = 60, ready }: { seconds?: number; ready?: (sessions: number) => void } = {}) =>
      new Promise<Figures>((resolve, reject) => {
        const over = () => {
          clearTimeout(late)
          child.off('message', listen)
          child.off('exit', die)
        }
        const fail = (reason: string) => {
          over()
          reject(new Error(`${work.part} on ${work.target.kind}: ${reason}`))
        }
        const late = setTimeout(() => fail(`takes over ${seconds} s`), seconds * 1000)
        const die = () => fail('the load client died')
        const listen = (message: Outcome | { ready: number }) => {
          if ('ready' in message) return ready?.(message.ready)
          if ('failure' in message) return fail(message.failure)
          over()
          resolve(message.figures)
        }
        child.on('message', listen as (message: unknown) => void)
        child.on('exit', die)
        child.send(work)
      }),
    stop: async () => void child.kill('SIGKILL'),
  })
}
