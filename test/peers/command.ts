// Programs of this repository as they are typed, and what they print before they say how to stop them.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { eventually, patience } from '../support/eventually.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface RunningCommand {
  /** What it has printed until then. */
  readonly introduction: string
  readonly url: string
  /** Ends it as Ctrl+C does, and resolves with its exit code. */
  stop(): Promise<number | null>
}

/** Starts a Node program on a free port and resolves once it has said where it is. Needs the build. */
export async function startCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningCommand> {
  if (!existsSync(`${root}dist/main.js`)) throw new Error('there is no dist/main.js: npm run build')
  const child = spawn(process.execPath, [...args], {
    cwd: root,
    env: { ...process.env, PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killNow = () => child.kill('SIGKILL')
  process.once('exit', killNow)
  const exited = new Promise<number | null>(resolve => child.once('close', code => resolve(code)))
  let introduction = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (introduction += chunk))
  const isRunning = () => {
    if (child.exitCode !== null) throw new Error('it ended')
    return introduction.includes('Ctrl+C')
  }
  await eventually('it starts', isRunning).catch(async error => {
    killNow()
    await exited
    throw new Error(`${error.message}:\n${introduction}`)
  })
  return {
    introduction,
    url: /http:\/\/127\.0\.0\.1:\d+/.exec(introduction)?.[0] ?? '',
    async stop() {
      child.kill('SIGINT')
      const late = setTimeout(killNow, patience)
      const code = await exited
      clearTimeout(late)
      process.off('exit', killNow)
      return code
    },
  }
}
