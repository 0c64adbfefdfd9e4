// The built service as an operator runs it: a process of its own, settings in its environment.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from '@jest/globals'
import { eventually } from './eventually.js'
import { root } from './repository.js'

const dist = join(root, 'dist', 'main.js')

/** The program; see `service-bundle.js`. */
export const main = process.env['BUNDLED_SERVICE'] ?? dist

export type LogLine = Readonly<Record<string, unknown>> & {
  readonly msg: string
  readonly pid: number
  /** Of a worker: its number. */
  readonly worker?: number
}

export function ensureBuilt(): void {
  if (existsSync(dist)) return
  execFileSync(process.execPath, ['build.js'], { cwd: root })
}

/** Settings of a service on a free port, whose admin is that of `start-service.ts`. */
export const usualSettings = {
  PORT: '0',
  METRICS_ADDRESS: 'none',
  ADMIN_USERS: 'admin:admin-secret',
  XMPP_DOMAINS: 'plain.example',
} as const

/** The same for the users of this server, without TLS. */
export const settingsAt = ({
  port,
  domain = 'plain.example',
}: {
  readonly port: number
  readonly domain?: string
}) => ({
  ...usualSettings,
  XMPP_DOMAINS: domain,
  XMPP_SERVERS: `${domain}=xmpp://127.0.0.1:${port}?tls=none`,
})

export type OperatedService = ReturnType<Operator['start']>

/** Runs programs in a folder of their own, which has nothing in it but what the test puts there. */
export class Operator {
  #made: string | undefined
  readonly #killers: (() => void)[] = []

  constructor() {
    ensureBuilt()
  }

  /** For the tests of a file: after each, nothing is left of what it has started and written. */
  static ofEachTest(): Operator {
    const operator = new Operator()
    afterEach(() => operator.leave())
    return operator
  }

  get #folder(): string {
    this.#made ??= mkdtempSync(join(tmpdir(), 'operated-service-'))
    return this.#made
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.#folder, name), text)
  }

  pathOf(name: string): string {
    return join(this.#folder, name)
  }

  makeFolder(name: string): void {
    mkdirSync(join(this.#folder, name))
  }

  start(environment: Readonly<Record<string, string>>, ...args: string[]) {
    return this.#spawn(process.execPath, [main, ...args], environment)
  }

  startWithInput(input: string, environment: Readonly<Record<string, string>>, ...args: string[]) {
    return this.#spawn(process.execPath, [main, ...args], environment, input)
  }

  /** Starts it with no more file descriptors than these. */
  startConfined(descriptors: number, environment: Readonly<Record<string, string>>) {
    const script = `ulimit -n ${descriptors} && exec "$0" "$@"`
    return this.#spawn('/bin/sh', ['-c', script, process.execPath, main], environment)
  }

  /** Starts it without the right to listen on ports below 1024, which root has. */
  startUnprivileged(environment: Readonly<Record<string, string>>, ...args: string[]) {
    if (process.getuid?.() !== 0) return this.start(environment, ...args)
    const program = [process.execPath, main, ...args]
    return this.#spawn('setpriv', ['--bounding-set=-net_bind_service', ...program], environment)
  }

  /** Starts it with a standard output that fails like a full disk. `url` fails, so the test must choose the port. */
  startUnheard(environment: Readonly<Record<string, string>>) {
    return this.#spawn('/bin/sh', ['-c', 'exec "$0" "$@" >/dev/full', process.execPath, main], environment)
  }

  #spawn(command: string, args: readonly string[], environment: Readonly<Record<string, string>>, input = '') {
    const child = spawn(command, args, {
      cwd: this.#folder,
      env: { PATH: process.env['PATH'], HTTP_FAST: process.env['HTTP_FAST'], ...environment },
    })
    // What is not read breaks the pipe, which is no failure.
    child.stdin.on('error', () => {}).end(input)
    let stdout = ''
    let stderr = ''
    /** The lines of `stdout` up to `linesEnd`: many tests look at them every few milliseconds. */
    const lines: LogLine[] = []
    let linesEnd = 0
    let ended = false
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    const exit = new Promise<number | null>(resolve => {
      child.once('close', code => {
        ended = true
        resolve(code)
      })
    })
    this.#killers.push(() => {
      if (!ended) child.kill('SIGKILL')
    })
    const address = () => /"url":"([^"]+)"/.exec(stdout)?.[1]
    return {
      get stdout() {
        return stdout
      },
      get stderr() {
        return stderr
      },
      get lines(): readonly LogLine[] {
        const end = stdout.lastIndexOf('\n') + 1
        for (const line of stdout.slice(linesEnd, end).split('\n')) if (line !== '') lines.push(JSON.parse(line))
        linesEnd = end
        return [...lines]
      },
      /** Its exit code, once it has ended; null if it was killed. */
      exit,
      /** Where it listens; rejects if it ends before. */
      async url() {
        await eventually('it listens', () => ended || address() !== undefined)
        const url = address()
        if (url === undefined) throw new Error(`it ended: ${stderr}${stdout}`)
        return url
      },
      /** Stops reading its standard output. Returns a function that starts again. */
      stall() {
        child.stdout.pause()
        return () => void child.stdout.resume()
      },
      signal: (name: NodeJS.Signals) => void child.kill(name),
    }
  }

  leave(): void {
    for (const kill of this.#killers.splice(0)) kill()
    rmSync(this.#folder, { recursive: true, force: true })
    this.#made = undefined
  }
}
