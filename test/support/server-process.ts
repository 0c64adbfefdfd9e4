// A server's process in a folder of its own: started, waited for, and ended in good order or at once.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { patience as usualPatience } from './eventually.js'
import { ask } from './http-answer.js'
import { root } from './repository.js'

export interface ServerProcessOptions {
  /** For the messages of errors. What the process prints goes to `NAME.log` in the folder. */
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly folder: string
  /** Where it runs, if that is not the folder. */
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Whether it is ready, by what it has printed since this start or by what it answers. */
  readonly isReady: (printed: string) => boolean | Promise<boolean>
  /** Longest time that it has to start, and to end, in milliseconds, if that is not the usual one. */
  readonly patience?: { readonly start: number; readonly end: number }
}

/** Folder with another Debian release, whose servers are started in place of this machine's; empty if there is none. */
export const serversRoot = process.env['SERVERS_ROOT'] ?? ''

/** Major version of the installed server: 0 for Prosody 0.12, 13 for 13.0, 23 for ejabberd 23.01. NaN if none. */
export function majorOf(server: 'prosody' | 'ejabberd'): number {
  const database = `--admindir=${serversRoot}/var/lib/dpkg`
  const { stdout } = spawnSync('dpkg-query', [database, '-W', '-f', `\${Version}`, server], {
    encoding: 'utf8',
  })
  return Number.parseInt(stdout ?? '', 10)
}

export type ServerProcess = Awaited<ReturnType<typeof startServerProcess>>

/** What is done if this process ends, the newest first: a process is killed before its folder is removed. */
const atExit = new Set<() => void>()
process.once('exit', () => {
  for (const act of [...atExit].reverse()) act()
})

/** Makes a folder, which is removed if this process ends before `remove` is called or `work` fails. */
export async function inFolder<T>(
  prefix: string,
  work: (folder: string, remove: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  const removeNow = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  atExit.add(removeNow)
  const remove = async () => {
    atExit.delete(removeNow)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    return await work(folder, remove)
  } catch (error) {
    await remove()
    throw error
  }
}

/** Starts the process and waits until it is ready. Rejects, with its log, when it is not ready in time. */
export async function startServerProcess(options: ServerProcessOptions) {
  const { name, command, folder, cwd = folder, environment } = options
  const { patience = { start: usualPatience, end: usualPatience } } = options
  const [program, ...words] = command
  const file = join(folder, `${name}.log`)
  const output = openSync(file, 'a')
  const before = readFileSync(file, 'utf8').length
  const child = spawn(program, words, {
    cwd,
    ...(environment !== undefined && { env: environment }),
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const signal = (signal: NodeJS.Signals) => void child.kill(signal)
  const killNow = () => signal('SIGKILL')
  atExit.add(killNow)
  let failure: Error | undefined
  child.once('error', error => {
    failure = error
  })
  let isGone = false
  const gone = new Promise<number | null>(resolve =>
    child.once('close', code => {
      isGone = true
      atExit.delete(killNow)
      resolve(code)
    }),
  )
  const started = {
    pid: child.pid ?? 0,
    /** Resolves with its exit code; null if it was killed. */
    gone,
    get isGone() {
      return isGone
    },
    log: () => readFileSync(file, 'utf8'),
    signal,
    /** Ends it with this signal; with SIGKILL if it takes too long. Resolves with its exit code. */
    async end(last: NodeJS.Signals) {
      signal(last)
      const late = setTimeout(killNow, patience.end)
      const code = await gone
      clearTimeout(late)
      return code
    },
  }
  try {
    for (const deadline = Date.now() + patience.start; ; await sleep(50)) {
      if (await options.isReady(started.log().slice(before))) return started
      if (failure) throw new Error(`${name} does not start; is the package installed? ${failure.message}`)
      if (isGone) throw new Error(`${name} ended at start:\n${started.log()}`)
      if (Date.now() > deadline)
        throw new Error(`${name} is not ready after ${patience.start / 1000} s:\n${started.log()}`)
    }
  } catch (error) {
    await started.end('SIGKILL')
    throw error
  }
}

/** Whether a server answers at this address. */
export const answersAt = (url: string) => async (): Promise<boolean> => {
  const answer = await ask(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
  return answer?.status === 200
}

export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
  return text.split(' ').flatMap(word => (word === '' ? [] : [Number(word)]))
}

/** Number of open descriptors. 0 if the process is gone. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

/** The command in the other release, with this machine's temporary folder and this repository mounted until it ends. */
export function inServersRoot(command: ServerProcessOptions['command']): ServerProcessOptions['command'] {
  if (serversRoot === '') return command
  const system = 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --rbind /sys "$1/sys"'
  const shared = 'mkdir -p "$1$3" && mount --bind "$2" "$1$2" && mount --bind "$3" "$1$3"'
  const enter = `${system} && ${shared} && root=$1 && shift 3 && exec chroot "$root" "$@"`
  return ['unshare', '--mount', 'sh', '-c', enter, 'sh', serversRoot, tmpdir(), root, ...command]
}
