// What an operator does with the repository's files: copies them, runs programs in a clean folder, starts what serves.
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'

export const root = fileURLToPath(new URL('../../', import.meta.url))
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

export interface RunOptions {
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
  ask(url, { agent: false }).then(
    ({ status }) => status,
    () => undefined,
  )

export interface ServingOptions {
  readonly cwd: string
  readonly port: number
  readonly more?: Readonly<Record<string, string>>
}

/** Starts a command that serves on the port, hands over while it does, and stops it as an operator would. */
export async function serving(
  [program, ...args]: readonly [string, ...string[]],
  { cwd, port, more }: ServingOptions,
  act: () => Promise<void>,
): Promise<number | null> {
  const child = spawn(program, args, {
    cwd,
    env: environment({ ...settings, PORT: String(port), ...more }),
    stdio: 'ignore',
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  try {
    await eventually('it serves', async () => {
      if (child.exitCode !== null) throw new Error('it does not serve')
      return (await statusOf(`http://127.0.0.1:${port}/`)) !== undefined
    })
    await act()
  } finally {
    child.kill('SIGTERM')
  }
  return ended
}

/** A line of a Dockerfile: what to do and with what. */
export interface Instruction {
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
