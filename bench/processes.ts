import { fork } from 'node:child_process'
import { on } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Listener } from '../test/support/listener.js'
import { freePorts } from '../test/support/ports.js'
import { settingsFor, startRedisServer } from '../test/support/redis-server.js'
import { answersAt, childrenOf, inFolder, startServerProcess } from '../test/support/server-process.js'
import { admin, domain, type Figures, type Outcome, type Work } from './work.js'

const root = new URL('../../', import.meta.url)
export const pathOf = (script: string) => fileURLToPath(new URL(script, import.meta.url))

/** Not as delivered. Prosody and ejabberd limit no client either, have a listen backlog of 1,024, and log only warnings. */
const differences = {
  // The same few users are warmed again and again, and have many sessions each.
  RATE_WARMS_PER_JID: '0',
  MAX_SESSIONS_PER_JID: '0',
  METRICS_ADDRESS: '127.0.0.1:0',
  LOG_LEVEL: 'warn',
  AUDIT_LOG: 'off',
}

export const closing = <T extends { stop(): Promise<void> }>(part: T): T & AsyncDisposable =>
  Object.assign(part, { [Symbol.asyncDispose]: () => part.stop() })

export interface Started extends AsyncDisposable {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

type Environment = Readonly<Record<string, string>>

export interface ServiceOptions {
  readonly c2sPort: number
  /** For the server in XMPP_SERVERS. Default: `tls=none`. */
  readonly link?: string
  readonly environment?: Environment
}

export const startService = ({ c2sPort, link = 'tls=none', environment }: ServiceOptions): Promise<Started> =>
  startNode(fileURLToPath(new URL('dist/main.js', root)), {
    ADMIN_USERS: admin,
    XMPP_DOMAINS: domain,
    XMPP_SERVERS: `${domain}=xmpp://127.0.0.1:${c2sPort}?${link}`,
    ...differences,
    ...environment,
  })

export const startFloor = (serverPort: number): Promise<Started> =>
  startNode(pathOf('floor.js'), { SERVER_PORT: String(serverPort) })

const joinMilliseconds = 1_500

export async function startStore() {
  const redis = await startRedisServer()
  return closing({ pid: redis.pid, environment: settingsFor(redis), stop: () => redis.remove() })
}

/** Two processes, which reach each other over Unix sockets, or with PEER_LISTEN over TLS. */
export async function startNeighbours(store: Environment, options: ServiceOptions) {
  const start = () => startService({ ...options, environment: { ...options.environment, ...store } })
  const both = [await start(), await start()] as const
  await sleep(joinMilliseconds)
  const stop = async () => void (await Promise.all(both.map(each => each.stop())))
  return closing({ both, pids: both.map(({ pid }) => pid), stop })
}

/** A service with a Redis of its own. */
export async function startWithStore(options: ServiceOptions, more: Environment) {
  const store = await startStore()
  const environment = { ...options.environment, ...store.environment, ...more }
  const service = await startService({ ...options, environment })
  await sleep(joinMilliseconds)
  const workers = childrenOf(service.pid)
  const stop = () => service.stop().then(() => store.stop())
  return closing({ port: service.port, pids: [service.pid, ...workers], workers, store, stop })
}

export const startEcho = async () =>
  closing(
    await Listener.start(createServer({ noDelay: true }, socket => socket.on('data', chunk => socket.write(chunk)))),
  )

/** Options of Node.js in `npm start`. */
function startFlags(): readonly string[] {
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
    async run(work: Work, { seconds = 60, ready = () => {} } = {}): Promise<Figures> {
      const messages = on(child, 'message', { signal: AbortSignal.timeout(seconds * 1000), close: ['exit'] })
      child.send(work)
      for await (const [message] of messages as AsyncIterable<[Outcome | 'ready']>) {
        if (message === 'ready') ready()
        else if ('failure' in message) throw new Error(`${work.part} on ${work.target.kind}: ${message.failure}`)
        else return message.figures
      }
      throw new Error('the load client died')
    },
    stop: async () => void child.kill('SIGKILL'),
  })
}
