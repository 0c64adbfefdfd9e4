// The ways in which an operator installs the service, each in a clean folder.
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { freePorts } from '../support/ports.js'
import { describeWith } from './needs.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const settings = { ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org', METRICS_ADDRESS: 'none' }
const minutes = 60_000

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'warm-installing-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Left behind: what is made here, and what is only for its developers. */
const made = new Set([
  'node_modules',
  'dist',
  'dist-bench',
  'bench-profiles',
  'bench-results.json',
  '.git',
  '.env',
])

/** The repository's files as a fresh clone has them. */
function clone(name: string): string {
  const target = join(folder, name)
  cpSync(root, target, { recursive: true, filter: path => !made.has(relative(root, path)) })
  return target
}

const environment = (more: Record<string, string> = {}) => {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, ...more }
}

function run(command: string, args: readonly string[], cwd: string, more: Record<string, string> = {}) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', env: environment(more) })
  return { ...done, said: `${done.stdout}${done.stderr}` } as SpawnSyncReturns<string> & { said: string }
}

const statusOf = (url: string) =>
  new Promise<number | undefined>(resolve => {
    get(url, { agent: false }, answer => resolve(answer.resume().statusCode)).on('error', () =>
      resolve(undefined),
    )
  })

/** Starts a command that serves on the port, hands over while it does, and stops it as an operator would. */
async function serving(
  [program, ...args]: readonly [string, ...string[]],
  about: { cwd: string; port: number; more?: Record<string, string> },
  act: () => Promise<void>,
): Promise<number | null> {
  const { cwd, port, more } = about
  const child = spawn(program, args, {
    cwd,
    env: environment({ ...settings, PORT: String(port), ...more }),
    stdio: 'ignore',
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  try {
    const deadline = performance.now() + 15_000
    while ((await statusOf(`http://127.0.0.1:${port}/`)) === undefined) {
      if (child.exitCode !== null || performance.now() > deadline) throw new Error('it does not serve')
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    await act()
  } finally {
    child.kill('SIGTERM')
  }
  return ended
}

describe('The package', () => {
  let installed: string

  beforeAll(() => {
    const source = clone('source')
    symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'))
    const packed = run('npm', ['pack', '--json', '--pack-destination', folder], source)
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
    installed = join(folder, 'installed')
    mkdirSync(installed)
    // Without one of its own, npm would take any of the folders above for the project.
    writeFileSync(join(installed, 'package.json'), '{}')
    const install = run(
      'npm',
      ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, filename)],
      installed,
    )
    if (install.status !== 0) throw new Error(install.said)
  }, 3 * minutes)

  test('has what it needs to run and nothing of what it was made with', () => {
    const inside = (path: string) => existsSync(join(installed, 'node_modules', 'warm-bindings', path))
    for (const path of ['dist/main.js', 'views/form.hbs', 'public/style.css', 'README.md', 'LICENSE'])
      expect([path, inside(path)]).toEqual([path, true])
    for (const path of [
      'dist/client/warm-bindings.d.ts',
      'examples/clients/warm_bindings.php',
      'examples/clients/warm_bindings.py',
      'deploy/nginx.conf',
      'deploy/warm-bindings.service',
      'docs/portals.md',
      'docs/operations.md',
      'CHANGELOG.md',
      '.env.example',
    ])
      expect([path, inside(path)]).toEqual([path, true])
    for (const path of ['src', 'test', 'bench', '.ci', '.env'])
      expect([path, inside(path)]).toEqual([path, false])
    expect(existsSync(join(installed, 'node_modules', 'typescript'))).toBe(false)
  })

  test('has a client for backends, with its types', () => {
    const program = `
      import { WarmBindings, WarmBindingsError, type Binding, type ErrorCode } from 'warm-bindings/client'
      const client = new WarmBindings({ url: 'http://127.0.0.1:8080/warm', user: 'portal', secret: 's3cret' })
      export const warm = (): Promise<Binding> => client.warm({ jid: 'alice@example.org', wait: 30 })
      export const isFull = (error: WarmBindingsError) => error.code === ('service-full' satisfies ErrorCode)
      // @ts-expect-error: there is no such parameter
      export const misspelt = () => client.warm({ jid: 'alice@example.org', pasword: 'wonderland' })
    `
    writeFileSync(join(installed, 'portal.mts'), program)
    const compiler = join(root, 'node_modules', '.bin', 'tsc')
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')]
    const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', 'portal.mts']
    expect(run(compiler, [...types, ...strict], installed)).toMatchObject({ said: '', status: 0 })
    const loaded = run(process.execPath, ['portal.mjs'], installed)
    expect(loaded).toMatchObject({ said: '', status: 0 })
  })

  test('has a command that checks the settings', () => {
    const command = join(installed, 'node_modules', '.bin', 'warm-bindings')
    expect(run(command, ['--check-config'], installed, settings)).toMatchObject({ status: 0 })
    expect(run(command, ['--check-config'], installed)).toMatchObject({ status: 1 })
  })

  test(
    'has a command that serves and stops',
    async () => {
      const [port] = (await freePorts(1)) as [number]
      const command = join(installed, 'node_modules', '.bin', 'warm-bindings')
      const exit = await serving([command], { cwd: installed, port }, async () => {
        expect(await statusOf(`http://127.0.0.1:${port}/warm`)).toBe(401)
        expect(await statusOf(`http://127.0.0.1:${port}/http-bind`)).toBe(200)
        expect(await statusOf(`http://127.0.0.1:${port}/assets/style.css`)).toBe(200)
      })
      expect(exit).toBe(0)
    },
    minutes,
  )
})

/** A line of the Dockerfile: what to do and with what. */
interface Instruction {
  readonly name: string
  readonly text: string
}

function readDockerfile(): Instruction[] {
  return readFileSync(join(root, 'deploy', 'Dockerfile'), 'utf8')
    .split('\n')
    .filter(line => /^[A-Z]/.test(line))
    .map(line => {
      const [, name = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      return { name, text }
    })
}

/** What `npm start` runs. */
const startScript = (): unknown => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts.start

describe('The Dockerfile', () => {
  test(
    'builds and runs the service, line by line in folders in place of images',
    async () => {
      const context = clone('context')
      const stages = new Map<string, string>()
      let stage = ''
      const variables: Record<string, string> = {}
      let health: string[] = []
      let command: string[] = []
      for (const { name, text } of readDockerfile()) {
        if (name === 'FROM') {
          const [, alias = 'last'] = / AS (\w+)$/.exec(text) ?? []
          stage = join(folder, `stage-${alias}`)
          stages.set(alias, stage)
          mkdirSync(stage)
          for (const key of Object.keys(variables)) delete variables[key]
        } else if (name === 'COPY') {
          const words = text.split(' ')
          const from = words[0]!.startsWith('--from=') ? words.shift()!.slice('--from='.length) : undefined
          const source = from === undefined ? context : stages.get(from)!
          const target = words.pop()!
          for (const word of words) {
            const path = from === undefined ? word : word.replace(/^\/app\//, '')
            cpSync(join(source, path), join(stage, target.endsWith('./') ? path : target), {
              recursive: true,
            })
          }
        } else if (name === 'RUN') {
          const done = run('sh', ['-c', text], stage, variables)
          expect({ text, status: done.status, said: done.status === 0 ? '' : done.said }).toEqual({
            ...{ text, status: 0, said: '' },
          })
        } else if (name === 'ENV') {
          const [key = '', value = ''] = text.split('=')
          variables[key] = value
        } else if (name === 'HEALTHCHECK') health = JSON.parse(text.slice(text.indexOf('[')))
        else if (name === 'CMD') command = JSON.parse(text)
        else if (name === 'USER') expect(text).toBe('node')
      }
      expect(command.join(' ')).toBe(startScript())
      expect(existsSync(join(stage, 'node_modules', 'typescript'))).toBe(false)
      const [port] = (await freePorts(1)) as [number]
      const more = { ...variables, PORT: String(port) }
      const [program = '', ...args] = command
      const check = () => run(health[0]!, health.slice(1), stage, more).status
      expect(check()).toBe(1)
      const exit = await serving([program, ...args], { cwd: stage, port, more }, async () => {
        expect(check()).toBe(0)
      })
      expect(exit).toBe(0)
    },
    5 * minutes,
  )
})

describeWith(['systemd'], 'The systemd unit', () => {
  const unit = join(root, 'deploy', 'warm-bindings.service')

  test('is one that systemd understands', () => {
    expect(run('systemd-analyze', ['verify', '--man=no', unit], folder).said).toBe('')
  })

  test('lets no core dump keep the secrets in the memory of the service', () => {
    expect(readFileSync(unit, 'utf8')).toMatch(/^LimitCORE=0$/m)
  })

  test('leaves the service next to nothing it could do harm with', () => {
    const { said } = run('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], folder)
    const [, exposure] = /Overall exposure level for .*: ([\d.]+)/.exec(said) ?? []
    expect(Number(exposure)).toBeLessThan(2)
  })
})
