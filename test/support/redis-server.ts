// Debian's redis-server, or valkey-server, at a Unix socket and without persistence.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSecretKey } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../../src/lib/clock.js'
import { redisStore } from '../../src/store/redis/redis-store.js'
import type { Store, StoreEvents } from '../../src/store/store.js'
import { eventually } from './eventually.js'
import { inFolder } from './server-process.js'

const run = promisify(execFile)

export interface RedisServer {
  /** Path of the socket. */
  readonly path: string
  start(): Promise<void>
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

export function startRedisServer(): Promise<RedisServer> {
  return inFolder('wb-redis-', async (folder, removeFolder) => {
    const path = join(folder, 'redis.sock')
    let child: ChildProcess | undefined
    const killNow = () => child?.kill('SIGKILL')
    process.prependOnceListener('exit', killNow)

    const start = async () => {
      const words = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder]
      const started = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] })
      child = started
      let said = ''
      started.stdout.on('data', chunk => {
        said = (said + chunk).slice(-20_000)
      })
      let failure: Error | undefined
      started.once('error', error => {
        failure = error
      })
      await eventually(`${program} is ready`, () => {
        if (failure !== undefined || started.exitCode !== null)
          throw new Error(`${program} does not start; is the package installed? ${failure?.message ?? said}`)
        return /eady to accept connections/.test(said)
      })
    }
    const kill = async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    await start()
    return {
      path,
      start,
      kill,
      pause: () => void child?.kill('SIGSTOP'),
      resume: () => void child?.kill('SIGCONT'),
      command: async (...words) => (await run(client, ['-s', path, ...words])).stdout.trimEnd(),
      async remove() {
        await kill()
        process.off('exit', killNow)
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
): Promise<Store> {
  const settings = { place: { kind: 'socket', path }, password } as const
  return redisStore({ settings, sealKey, clock: systemClock, events })
}
