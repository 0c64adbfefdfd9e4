// Debian's redis-server, or valkey-server, at a Unix socket and without persistence.
import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../../src/lib/clock.js'
import { redisStore } from '../../src/store/redis/redis-store.js'
import type { Store, StoreEvents } from '../../src/store/store.js'
import { freePorts } from './ports.js'
import { inFolder, type ServerProcess, startServerProcess } from './server-process.js'

const run = promisify(execFile)

export type RedisServer = Awaited<ReturnType<typeof startRedisServer>>

/** `REDIS_SERVER` can name another program, such as `valkey-server`. */
const program = process.env['REDIS_SERVER'] ?? 'redis-server'
const client = program.replace('server', 'cli')

/** Starts the program and waits until it is ready, which it prints as `ready`. */
const started = (name: string, words: readonly string[], folder: string, ready: RegExp): Promise<ServerProcess> =>
  startServerProcess({
    ...{ name, folder, command: [program, ...words] },
    isReady: printed => ready.test(printed),
  })

const inMemory = ['--save', '', '--appendonly', 'no']

/** `isKept`: what it has outlives `kill`, as with `appendonly yes`. */
export function startRedisServer(isKept = false) {
  return inFolder('wb-redis-', async (folder, removeFolder) => {
    const path = join(folder, 'redis.sock')
    const words = ['--port', '0', '--unixsocket', path, ...(isKept ? ['--appendonly', 'yes'] : inMemory)]
    const start = () => started('redis', words, folder, /eady to accept connections/)
    let running = await start()
    return {
      get pid() {
        return running.pid
      },
      path,
      async start() {
        running = await start()
      },
      /** Ends it in good order. It has its data again when it starts. */
      async stop() {
        await run(client, ['-s', path, 'SHUTDOWN', 'SAVE'])
        await running.gone
      },
      /** Ends it at once: what it has is lost. */
      async kill() {
        await running.end('SIGKILL')
        rmSync(join(folder, 'dump.rdb'), { force: true })
      },
      /** Makes it hang until `resume`. */
      pause: () => running.signal('SIGSTOP'),
      resume: () => running.signal('SIGCONT'),
      /** What `redis-cli` prints for a command. */
      command: async (...command: string[]) => (await run(client, ['-s', path, ...command])).stdout.trimEnd(),
      async remove() {
        await running.end('SIGKILL')
        await removeFolder()
      },
    }
  })
}

export function settingsFor({ path }: RedisServer): Record<string, string> {
  const keys = join(dirname(path), 'seal.key')
  writeFileSync(keys, Buffer.alloc(32, 9).toString('base64'), { mode: 0o600 })
  return { REDIS_URL: `unix:${path}`, SEAL_KEY_FILE: keys }
}

/** A master `warm` with a password, its replica and a sentinel, at ports of 127.0.0.1. */
export function startRedisWithSentinel() {
  return inFolder('wb-sentinel-', async (folder, removeFolder) => {
    const [port, otherPort, sentinelPort] = (await freePorts(3)) as [number, number, number]
    const password = 'a-password'
    const words = ['--bind', '127.0.0.1', '--requirepass', password, '--masterauth', password, ...inMemory]
    const master = await started('master', ['--port', `${port}`, ...words], folder, /eady to accept connections/)
    const follow = ['--port', `${otherPort}`, '--replicaof', `127.0.0.1 ${port}`, '--repl-diskless-sync-delay', '0']
    const replica = await started('replica', [...follow, ...words], folder, /Finished with success/)
    const file = join(folder, 'sentinel.conf')
    const lines = [
      `port ${sentinelPort}`,
      'bind 127.0.0.1',
      `sentinel monitor warm 127.0.0.1 ${port} 1`,
      `sentinel auth-pass warm ${password}`,
      'sentinel down-after-milliseconds warm 1000',
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const sentinel = await started('sentinel', [file, '--sentinel'], folder, /\+slave /)
    const sentinels = [
      // One sentinel may be away.
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: sentinelPort },
    ]
    return {
      /** Ends the first master. The sentinel then makes its replica the master. */
      killMaster: () => master.end('SIGKILL'),
      open: (events: StoreEvents) => {
        const settings = { place: { kind: 'sentinels', name: 'warm', sentinels }, password } as const
        return redisStore(settings, systemClock, events)
      },
      async remove() {
        for (const each of [sentinel, replica, master]) await each.end('SIGKILL')
        await removeFolder()
      },
    }
  })
}

export function openRedisStore(
  { path }: Pick<RedisServer, 'path'>,
  events: StoreEvents = { onDown() {}, onUp() {} },
  password?: string,
  clock: Clock = systemClock,
): Promise<Store> {
  const settings = { place: { kind: 'socket', path }, password } as const
  return redisStore(settings, clock, events)
}
