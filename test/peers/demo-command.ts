// `npm run demo` without the build: the command as it is typed, and what it prints.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface DemoCommand {
  /** Where the service listens. */
  readonly url: string
  /** The commands that it prints, as they stand there. */
  readonly commands: readonly string[]
  /** Ends it as Ctrl+C does, and resolves with its exit code. */
  stop(): Promise<number | null>
}

/** Starts the built command on a free port and resolves once it has said where it is. */
export async function startDemoCommand(): Promise<DemoCommand> {
  if (!existsSync(`${root}dist/main.js`)) throw new Error('there is no dist/main.js: npm run build')
  const child = spawn(process.execPath, ['dist/main.js', '--demo'], {
    cwd: root,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killNow = () => child.kill('SIGKILL')
  process.once('exit', killNow)
  const exited = new Promise<number | null>(resolve => child.once('close', code => resolve(code)))
  const printed = await introduction(child).catch(async error => {
    killNow()
    await exited
    throw error
  })
  return {
    url: /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0] ?? '',
    commands: printed
      .split('\n')
      .map(line => line.trim())
      .filter(line => line.startsWith('curl ')),
    async stop() {
      child.kill('SIGINT')
      const late = setTimeout(killNow, 5000)
      const code = await exited
      clearTimeout(late)
      process.off('exit', killNow)
      return code
    },
  }
}

/** What is printed until it says how to stop. */
function introduction(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (why: string) => {
      clearTimeout(deadline)
      reject(new Error(`${why}:\n${text}`))
    }
    const deadline = setTimeout(() => fail('the demo does not start within 15 s'), 15_000)
    const listen = (chunk: Buffer) => {
      text += chunk
      if (!text.includes('Ctrl+C')) return
      clearTimeout(deadline)
      resolve(text)
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
    child.once('error', error => fail(error.message))
    child.once('close', () => fail('the demo ended'))
  })
}
