// The packed package, installed in a clean folder: its files, and that it works.
// Runs in npm run test:all only: npm installs packages here.
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { root } from '../support/repository.js'
import { testFolder } from '../support/test-folder.js'
import { clone, run, serving, settings, statusOf } from './installation.js'

/** Output of `npm pack`. Sizes are in bytes. */
interface Packed {
  readonly filename: string
  readonly version: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

const { folder } = testFolder()
const installed = join(folder, 'installed')
let packed: Packed
/** A program of the clone while it was packed. */
let inUse: number

beforeAll(() => {
  const source = clone(join(folder, 'source'))
  symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'))
  // None of these may be packed.
  for (const stray of ['.env', 'deploy/.env', 'npm-debug.log']) writeFileSync(join(source, stray), 'SECRET=1\n')
  mkdirSync(join(source, 'dist'))
  writeFileSync(join(source, 'dist', 'stale.js'), '')
  inUse = openSync(join(source, 'dist', 'library.js'), 'w')
  const made = run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: source })
  if (made.status !== 0) throw new Error(made.said)
  packed = JSON.parse(made.stdout)[0]
  mkdirSync(installed)
  // Without it, npm installs into a parent folder.
  writeFileSync(join(installed, 'package.json'), '{}')
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  const done = run('npm', ['install', ...options, join(folder, packed.filename)], { cwd: installed })
  if (done.status !== 0) throw new Error(done.said)
})

afterAll(() => closeSync(inUse))

/** The command as it is typed where the package is installed. */
const npx = (args: readonly string[], about: { more?: Record<string, string>; input?: string } = {}) =>
  run('npx', ['--no-install', 'warm-bindings', ...args], { cwd: installed, ...about })

describe('The tarball', () => {
  const paths = () => packed.files.map(({ path }) => path)

  test('contains all files needed to run', () => {
    expect(paths()).toEqual(
      expect.arrayContaining([
        ...['dist/main.js', 'dist/library.js', 'dist/types/library.d.ts', 'dist/command/health-check.js'],
        ...['views/form.hbs', 'public/style.css', 'README.md', 'LICENSE', 'CHANGELOG.md', '.env.example'],
        ...['deploy/nginx.conf', 'deploy/warm-bindings.service', 'deploy/warm-bindings.socket'],
        ...['deploy/prometheus-alerts.yml', 'deploy/grafana-dashboard.json'],
        'deploy/prosody/mod_guests.lua',
        'deploy/prosody/mod_service_account.lua',
        ...['docs/embed.md', 'docs/production.md', 'docs/settings.md'],
      ]),
    )
  })

  test('contains no other files, such as tests, source maps or secrets', () => {
    const belongs =
      /^(dist\/.+\.js|dist\/docs\.json|dist\/types\/(library|(packages\/client|browser)\/[\w-]+)\.d\.ts|views\/.+\.hbs|public\/.+\.(js|css|svg)|docs\/[\w-]+\.md|examples\/clients\/warm_bindings\.(go|php|py|rb)|deploy\/[\w-]+\.(cfg|conf|json|service|socket|yml)|deploy\/prosody\/mod_[\w-]+\.lua|CHANGELOG\.md|LICENSE|README\.md|SECURITY\.md|package\.json|\.env\.example)$/
    expect(paths().filter(path => !belongs.test(path))).toEqual([])
    expect(paths()).not.toContain('dist/command/write-settings.js')
  })

  test('contains no stale program of an earlier build', () => {
    const programs = paths().filter(path => path.endsWith('.js') && path.startsWith('dist/'))
    const source = (path: string) => join(root, path.replace(/^dist\/(.*)\.js$/, 'src/$1.ts'))
    const bundles = ['', '-more', '-converse'].map(name => `dist/browser/warm-bindings${name}.js`)
    expect(programs.filter(path => !bundles.includes(path) && !existsSync(source(path)))).toEqual([])
    expect(paths()).toEqual(expect.arrayContaining(bundles))
  })

  test('is made without removing programs of the clone, which a service may run', () => {
    expect(fstatSync(inUse)).toMatchObject({ nlink: 1 })
    expect(fstatSync(inUse).size).toBeGreaterThan(0)
  })

  test('has its types also for TypeScript without exports (moduleResolution node10)', () => {
    const { exports, typesVersions } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const paths = Object.entries<{ types?: string }>(exports).flatMap(([name, { types }]) =>
      types === undefined || name === '.' ? [] : [[name.slice(2), [types]]],
    )
    expect(typesVersions).toEqual({ '*': Object.fromEntries(paths) })
  })

  test('is smaller than 800 KB', () => {
    expect(packed.size).toBeLessThan(800_000)
  })

  test('installs without development dependencies', () => {
    for (const name of ['typescript', 'jest', '@types', '@biomejs'])
      expect([name, existsSync(join(installed, 'node_modules', name))]).toEqual([name, false])
  })
})

const typesOfNode = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')]

function compiled(name: string, program: string, more: readonly string[] = [], types = typesOfNode): void {
  writeFileSync(join(installed, name), program)
  const compiler = join(root, 'node_modules', '.bin', 'tsc')
  const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', ...more, name]
  expect(run(compiler, [...types, ...strict], { cwd: installed })).toMatchObject({ said: '', status: 0 })
}

describe('The installed package', () => {
  test('exports warm-bindings/client with types', () => {
    const program = `
      import { WarmBindings, WarmBindingsError, type Binding, type ErrorCode } from 'warm-bindings/client'
      const client = new WarmBindings({ url: 'http://127.0.0.1:8080/warm', user: 'portal', secret: 's3cret' })
      export const warm = (): Promise<Binding> => client.warm({ jid: 'alice@example.org', wait: 30 })
      export const isFull = (error: WarmBindingsError) => error.code === ('service-full' satisfies ErrorCode)
      // @ts-expect-error: there is no such parameter
      export const misspelt = () => client.warm({ jid: 'alice@example.org', pasword: 'wonderland' })
    `
    compiled('portal.mts', program)
    expect(run(process.execPath, ['portal.mjs'], { cwd: installed })).toMatchObject({ said: '', status: 0 })
  })

  test('exports warm-bindings/browser and warm-bindings/converse with types', () => {
    const program = `
      import { connectConverse } from 'warm-bindings/converse'
      import { type Chat, connect, type Message } from 'warm-bindings/browser'
      import { Strophe } from 'strophe.js'
      const show = ({ from, body, own }: Message): string => own ? '' : from + body
      export const watch = (chat: Chat) => chat.addEventListener('message', ({ detail }) => void show(detail))
      export const begin = (): Promise<Chat> =>
        connect({ Strophe, binding: '/chat/binding', onMessage: message => void show(message) })
      export const beginConverse = (): Promise<void> =>
        connectConverse({ service: 'https://chat.example.org', token: '/chat/token', settings: { i18n: 'en' } })
      // @ts-expect-error: there is no such transport
      export const misspelt = () => connect({ Strophe, binding: '/chat/binding', transport: 'carrier pigeon' })
    `
    const options = ['--lib', 'es2023,dom,dom.iterable', '--skipLibCheck', '--noEmit']
    compiled('page.mts', program, options)
    // As bundlers do. Only so does TypeScript find the types of Strophe.
    compiled('page.mts', program, [...options, '--module', 'esnext', '--moduleResolution', 'bundler'])
  })
})

describe('The installed command', () => {
  test('prints its version and its help', () => {
    expect(npx(['--version'])).toMatchObject({ status: 0, stdout: `${packed.version}\n` })
    const help = npx(['--help'])
    expect(help.status).toBe(0)
    for (const word of ['--check-config', 'warm JID', 'token', 'hash-password', '--demo', '--version'])
      expect(help.stdout).toContain(word)
    const [, documents = ''] = /^Documents: (\S+)production\.md/m.exec(help.stdout) ?? []
    expect(existsSync(join(documents, 'production.md'))).toBe(true)
  })

  test.each([[[]], [['--demo']]])('serves with the options %j, and exits with 0 when stopped', async options => {
    const command = join(installed, 'node_modules', '.bin', 'warm-bindings')
    const exit = await serving([command, ...options], { cwd: installed }, async url => {
      expect(await statusOf(`${url}/warm`)).toBe(401)
      expect(await statusOf(`${url}/http-bind`)).toBe(200)
      expect(await statusOf(`${url}/assets/style.css`)).toBe(200)
    })
    expect(exit).toBe(0)
  })
})

describe('The installed library', () => {
  const program = `
    import { startService } from 'warm-bindings'
    const service = await startService({ ...${JSON.stringify(settings)}, PORT: '0' }, { writeLog: () => {} })
    console.log((await fetch(service.url + '/healthz')).status)
    await service.stop()
    await startService({ PORT: 'x' }).catch(error => console.log(error.name))
  `

  test('starts and stops the service in-process, and leaves nothing open', () => {
    writeFileSync(join(installed, 'program.mjs'), program)
    const { status, said } = run(process.execPath, ['program.mjs'], { cwd: installed })
    expect([status, said]).toEqual([0, '200\nConfigError\n'])
  })

  test('has types that compile without @types/node', () => {
    const program = `
      import { type RunningService, startService } from 'warm-bindings'
      const service: RunningService = await startService({ PORT: '0' }, { writeLog: line => void line.length })
      export const urls: readonly string[] = service.urls
      // @ts-expect-error: a line is a text
      await startService({}, { writeLog: (line: number) => void line })
    `
    compiled('typed.mts', program, ['--noEmit'], ['--types', ''])
  })

  test('exports no other module, but package.json', () => {
    const inside = `import('warm-bindings/dist/service/service.js').catch(error => console.log(error.code))`
    expect(run(process.execPath, ['-e', inside], { cwd: installed }).stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n')
    const about = `console.log(require('warm-bindings/package.json').version)`
    expect(run(process.execPath, ['-e', about], { cwd: installed }).stdout).toBe(`${packed.version}\n`)
  })
})
