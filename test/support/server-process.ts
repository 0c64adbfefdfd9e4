// An XMPP server's process in a folder of its own: started, waited for, and ended in good order or at once.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from './repository.js'

export interface ServerProcessOptions {
  /** For the messages of errors. */
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly folder: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Where it answers at `/http-bind` once it is ready. */
  readonly httpPort: number
  /** Longest time that it has to start, and to end, in milliseconds. */
  readonly patience: { readonly start: number; readonly end: number }
  /** What it has logged beside what it prints. */
  readonly logged?: () => string
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

export interface ServerProcess {
  readonly pid: number
  /** What it has printed and logged so far. */
  log(): string
  /** Ends it with this signal; with SIGKILL if it takes too long. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Makes a folder, which is removed if this process ends before `remove` is called or `work` fails. */
export async function inFolder<T>(
  prefix: string,
  work: (folder: string, remove: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  const removeNow = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', removeNow)
  const remove = async () => {
    process.off('exit', removeNow)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    return await work(folder, remove)
  } catch (error) {
    await remove()
    throw error
  }
}

/** Starts the process and waits until it answers. Rejects, with its log, when it is not ready in time. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, folder, environment, httpPort, patience, logged = () => '' } = options
  const [command, ...words] = inRoot(options.command)
  const child = spawn(command, words, {
    cwd: folder,
    ...(environment !== undefined && { env: environment }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killNow = () => child.kill('SIGKILL')
  // Kills the process before the folder is removed, because the process would go on writing there.
  process.prependOnceListener('exit', killNow)
  const printed = collectOutput(child)
  const log = () => printed() + logged()
  const exited = new Promise<void>(resolve => child.once('close', () => resolve()))
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    const late = setTimeout(killNow, patience.end)
    await exited
    clearTimeout(late)
    process.off('exit', killNow)
  }
  try {
    await untilReady(child, { name, httpPort, patience: patience.start, log })
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
  return { pid: child.pid ?? 0, end, log }
}

/** The command in the other release, with this machine's temporary folder and this repository mounted until it ends. */
function inRoot(command: ServerProcessOptions['command']): ServerProcessOptions['command'] {
  if (serversRoot === '') return command
  const system = 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --rbind /sys "$1/sys"'
  const shared = 'mkdir -p "$1$3" && mount --bind "$2" "$1$2" && mount --bind "$3" "$1$3"'
  const enter = `${system} && ${shared} && root=$1 && shift 3 && exec chroot "$root" "$@"`
  return ['unshare', '--mount', 'sh', '-c', enter, 'sh', serversRoot, tmpdir(), root, ...command]
}

async function untilReady(
  child: ChildProcess,
  about: { name: string; httpPort: number; patience: number; log: () => string },
): Promise<void> {
  const { name, httpPort, patience, log } = about
  let failure: Error | undefined
  child.once('error', error => {
    failure = error
  })
  const deadline = Date.now() + patience
  for (;;) {
    if (failure) throw new Error(`${name} does not start; is the package installed? ${failure.message}`)
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended at start:\n${log()}`)
    if (Date.now() > deadline) throw new Error(`${name} is not ready after ${patience / 1000} s:\n${log()}`)
    const response = await fetch(`http://127.0.0.1:${httpPort}/http-bind`).catch(() => undefined)
    await response?.body?.cancel()
    if (response?.ok) return
    await sleep(50)
  }
}

function collectOutput(child: ChildProcess): () => string {
  let text = ''
  const collect = (chunk: Buffer) => {
    text = (text + chunk).slice(-20_000)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return () => text
}
