// The clients of examples/clients, each in a process of its language that is told what to call.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Backend, portal } from './backend.js'

const here = fileURLToPath(new URL('./', import.meta.url))
export const clients = fileURLToPath(new URL('../../../examples/clients/', import.meta.url))

/** Runs a program, and resolves with what it printed. Rejects if it fails or complains. */
export async function runProgram(command: string, args: readonly string[], input = ''): Promise<string> {
  const running = promisify(execFile)(command, args, { maxBuffer: 2 ** 26 })
  // The program may end before it reads its input.
  running.child.stdin!.on('error', () => {}).end(input)
  const { stdout, stderr } = await running
  if (stderr !== '') throw new Error(`${command} complained: ${stderr}${stdout}`)
  return stdout
}

function program(language: string, packages: readonly string[], command: readonly [string, ...string[]]): Backend {
  const [name, ...args] = command
  return {
    language,
    packages,
    async run(url, calls, limits = {}) {
      const about = { url, ...portal, limits, calls }
      return JSON.parse(await runProgram(name, args, JSON.stringify(about)))
    },
  }
}

/** PHP with settings of a command line: an error shows its stack with all arguments. */
export const phpCommand = ['php', '-d', 'display_errors=stderr', '-d', 'zend.exception_ignore_args=0'] as const

export const php = program('PHP', ['php-cli'], [...phpCommand, `${here}run.php`, `${clients}warm_bindings.php`])

export const python = program('Python', ['python3'], ['python3', '-B', `${here}run.py`, clients])

export const ruby = program('Ruby', ['ruby'], ['ruby', `${here}run.rb`, `${clients}warm_bindings.rb`])

const goFolder = join(tmpdir(), `go-client-${process.pid}`)

export const go: Backend = {
  ...program('Go', ['golang-go'], [join(goFolder, 'run')]),
  program: {
    async compile() {
      mkdirSync(join(goFolder, 'warmbindings'), { recursive: true })
      writeFileSync(join(goFolder, 'go.mod'), 'module backend\n\ngo 1.19\n')
      copyFileSync(`${here}run.go`, join(goFolder, 'run.go'))
      copyFileSync(`${clients}warm_bindings.go`, join(goFolder, 'warmbindings/warm_bindings.go'))
      const environment = `GOCACHE=${join(goFolder, 'cache')} GOFLAGS=-mod=mod GOPROXY=off CGO_ENABLED=0`
      await runProgram('sh', [
        '-c',
        `cd ${goFolder} && ${environment} go vet ./... && ${environment} go build -o run .`,
      ])
    },
    remove: () => rmSync(goFolder, { recursive: true, force: true }),
  },
}
