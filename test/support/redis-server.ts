// Debian's redis-server, or valkey-server, at a Unix socket and without persistence.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSecretKey } from 'node:crypto'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../../src/lib/clock.js'
import { redisStore } from '../../src/store/redis/redis-store.js'
import type { Store, StoreEvents } from '../../src/store/store.js'
import { eventually } from './eventually.js'
import { freePorts } from './ports.js'
import { inFolder } from './server-process.js'

const run = promisify(execFile)

export interface RedisServer {
  readonly pid: number
  /** Path of the socket. */
  readonly path: string
  start(): Promise<void>
  /** Ends it in good order. It has its data again when it starts. */
  stop(): Promise<void>
  /** Ends it at once: what it has is lost. */
  kill(): Promise<void>
  /** Makes it hang until `resume`. */
  pause(): void
  resume(): void
  /** What `redis-cli` prints for a command. */
  command(...words: string[]): Promise<string>
  remove(): Promise<void>
}

/** `REDIS_SERVER` can name another program, such as `valkey-server`. */
const program = process.env['REDIS_SERVER'] ?? 'redis-server'
const client = program.replace('server', 'cli')

/** Starts the program and waits until it is ready, which it prints as `ready`. */
async function started(words: readonly string[], folder: string, ready: RegExp): Promise<ChildProcess> {
  const child = spawn(program, words, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  const killNow = () => child.kill('SIGKILL')
  process.prependOnceListener('exit', killNow)
  child.once('exit', () => process.off('exit', killNow))
  let said = ''
  child.stdout.on('data', chunk => {
    said = (said + chunk).slice(-20_000)
  })
  let failure: Error | undefined
  child.once('error', error => {
    failure = error
  })
  await eventually(`${program} is ready`, () => {
    if (failure !== undefined || child.exitCode !== null)
      throw new Error(`${program} does not start; is the package installed? ${failure?.message ?? said}`)
    return ready.test(said)
  })
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

const inMemory = ['--save', '', '--appendonly', 'no']

/** `isKept`: what it has outlives `kill`, as with `appendonly yes`. */
export function startRedisServer(isKept = false): Promise<RedisServer> {
  return inFolder('wb-redis-', async (folder, removeFolder) => {
    const path = join(folder, 'redis.sock')
    const words = ['--port', '0', '--unixsocket', path, ...(isKept ? ['--appendonly', 'yes'] : inMemory)]
    const start = () => started(words, folder, /eady to accept connections/)
    let child = await start()
    return {
      get pid() {
        return child.pid ?? 0
      },
      path,
      async start() {
        child = await start()
      },
      async stop() {
        const exited = once(child, 'exit')
        await run(client, ['-s', path, 'SHUTDOWN', 'SAVE'])
        await exited
      },
      async kill() {
        await killed(child)
        rmSync(join(folder, 'dump.rdb'), { force: true })
      },
      pause: () => void child.kill('SIGSTOP'),
      resume: () => void child.kill('SIGCONT'),
      command: async (...command) => (await run(client, ['-s', path, ...command])).stdout.trimEnd(),
      async remove() {
        await killed(child)
        await removeFolder()
      },
    }
  })
}

export interface RedisWithSentinel {
  /** Ends the first master. The sentinel then makes its replica the master. */
  killMaster(): Promise<void>
  open(events: StoreEvents): Promise<Store>
  remove(): Promise<void>
}

/** A master `warm` with a password, its replica and a sentinel, at ports of 127.0.0.1. */
export function startRedisWithSentinel(): Promise<RedisWithSentinel> {
  return inFolder('wb-sentinel-', async (folder, removeFolder) => {
    const [port, otherPort, sentinelPort] = (await freePorts(3)) as [number, number, number]
    const password = 'a-password'
    const words = ['--bind', '127.0.0.1', '--requirepass', password, '--masterauth', password, ...inMemory]
    const master = await started(['--port', `${port}`, ...words], folder, /eady to accept connections/)
    const follow = ['--port', `${otherPort}`, '--replicaof', `127.0.0.1 ${port}`, '--repl-diskless-sync-delay', '0']
    const replica = await started([...follow, ...words], folder, /Finished with success/)
    const file = join(folder, 'sentinel.conf')
    const lines = [
      `port ${sentinelPort}`,
      'bind 127.0.0.1',
      `sentinel monitor warm 127.0.0.1 ${port} 1`,
      `sentinel auth-pass warm ${password}`,
      'sentinel down-after-milliseconds warm 1000',
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const sentinel = await started([file, '--sentinel'], folder, /\+slave /)
    const sentinels = [
      // One sentinel may be away.
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: sentinelPort },
    ]
    return {
      killMaster: () => killed(master),
      open: events => {
        const settings = { place: { kind: 'sentinels', name: 'warm', sentinels }, password } as const
        return redisStore({ settings, sealKey, clock: systemClock, events })
      },
      async remove() {
        for (const child of [sentinel, replica, master]) await killed(child)
        await removeFolder()
      },
    }
  })
}

const sealKey = createSecretKey(Buffer.alloc(32, 7))

/** A store of the service in this server. */
export function openRedisStore(
  { path }: Pick<RedisServer, 'path'>,
  events: StoreEvents = { onDown() {}, onUp() {} },
  password?: string,
  clock: Clock = systemClock,
): Promise<Store> {
  const settings = { place: { kind: 'socket', path }, password } as const
  return redisStore({ settings, sealKey, clock, events })
}
