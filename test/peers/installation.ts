// What an operator does with the repository's files: copies them, runs programs in a clean folder, starts what serves.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { relative } from 'node:path'
import { ask } from '../support/http-answer.js'
import { freePorts } from '../support/ports.js'
import { root } from '../support/repository.js'
import { startServerProcess } from '../support/server-process.js'

/** The settings without which nothing starts, and no metrics, whose port may be taken. */
export const settings = {
  ADMIN_USERS: 'portal:s3cret',
  XMPP_DOMAINS: 'example.org',
  METRICS_ADDRESS: 'none',
} as const

/** Left behind: what is made here, and what is only for its developers. */
const made = new Set(['node_modules', 'dist', 'dist-bench', 'bench-profiles', '.git', '.env'])

/** Copies the repository's files into this folder as a fresh clone has them. */
export function clone(target: string): string {
  cpSync(root, target, { recursive: true, filter: path => !made.has(relative(root, path)) })
  return target
}

const environment = (more: Readonly<Record<string, string>> = {}) => {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, ...more }
}

interface RunOptions {
  readonly cwd: string
  /** Beside PATH and HOME. */
  readonly more?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs a program with nothing in its environment that the test does not know; `said` is all that it wrote. */
export function run(command: string, args: readonly string[], { cwd, more, input = '' }: RunOptions) {
  const done = spawnSync(command, args, { cwd, input, encoding: 'utf8', env: environment(more) })
  return { ...done, said: `${done.stdout}${done.stderr}` } as SpawnSyncReturns<string> & { said: string }
}

export const statusOf = (url: string): Promise<number | undefined> =>
  ask(url).then(
    ({ status }) => status,
    () => undefined,
  )

/** Starts a command that serves on a free port, hands over while it does, and stops it as an operator would. */
export async function serving(
  command: readonly [string, ...string[]],
  { cwd, more }: Omit<RunOptions, 'input'>,
  act: (url: string, port: number) => Promise<void>,
): Promise<number | null> {
  const [port] = (await freePorts(1)) as [number]
  const url = `http://127.0.0.1:${port}`
  const running = await startServerProcess({
    ...{ name: 'service', command, folder: cwd },
    environment: environment({ ...settings, ...more, PORT: String(port) }),
    isReady: async () => (await statusOf(url)) !== undefined,
  })
  try {
    await act(url, port)
  } finally {
    await running.end('SIGTERM')
  }
  return running.gone
}

/** A line of a Dockerfile: what to do and with what. */
interface Instruction {
  readonly name: string
  readonly text: string
}

/** The instructions of a Dockerfile of the repository, each on one line. */
export function instructionsOf(text: string): Instruction[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter(line => /^[A-Z]/.test(line))
    .map(line => {
      const [, name = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      return { name, text }
    })
}
