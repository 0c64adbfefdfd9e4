// deploy/compose.yaml without an engine: the lines of its Dockerfiles run in a folder, with Debian's Prosody.
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { settings as known } from '../../src/config/settings.js'
import { ask } from '../support/http-answer.js'
import { missingPackages } from '../support/packages.js'
import { callConnect } from '../support/page-call.js'
import { pageSecret, pageToken } from '../support/page-token.js'
import { freePorts } from '../support/ports.js'
import { root } from '../support/repository.js'
import { majorOf, type ServerProcess, startServerProcess } from '../support/server-process.js'
import { testFolder } from '../support/test-folder.js'
import { instructionsOf, run, serving } from './installation.js'
import { describeWith } from './needs.js'

const text = readFileSync(join(root, 'deploy', 'compose.yaml'), 'utf8')
/** What the operator writes into `.env` beside the file. */
const variables = { DOMAIN: 'example.org', PORTAL_SECRET: 'choose-a-secret', ALICE_PASSWORD: 'wonderland' }

/** The file with its variables filled in, as the engine does. Throws if a required variable is missing. */
function filled(given: Readonly<Record<string, string>>) {
  return parse(text, (_key, value: unknown) => {
    if (typeof value !== 'string') return value
    return value.replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_all, name: string, kind: string, rest: string) => {
      if (given[name]) return given[name]
      if (kind === '?') throw new Error(`${name}: ${rest}`)
      return rest
    })
  })
}

describe('The compose file', () => {
  const { services, volumes, secrets } = filled(variables)
  const containers = [services.prosody, services['warm-bindings']]

  test('names only files, volumes and services that exist', () => {
    for (const { build, volumes: mounted, depends_on = {} } of containers) {
      expect(existsSync(join(root, 'deploy', build.context, build.dockerfile))).toBe(true)
      const sources = mounted.map((volume: string | { readonly source: string }) =>
        typeof volume === 'string' ? volume.split(':')[0] : volume.source,
      )
      expect(Object.keys(volumes)).toEqual(expect.arrayContaining(sources))
      expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(depends_on)))
    }
  })

  test('publishes its port on 127.0.0.1 only', () => {
    expect(containers.flatMap(({ ports = [] }) => ports)).toEqual(['127.0.0.1:8080:8080'])
  })

  test('contains no secret, and fails if a secret is not set', () => {
    for (const name of Object.keys(variables)) {
      const others = Object.fromEntries(Object.entries(variables).filter(([other]) => other !== name))
      expect(() => filled(others)).toThrow(`${name}: `)
    }
  })

  test('sets TRUSTED_PROXIES to the gateway of its network', () => {
    const [{ subnet, gateway }] = parse(text).networks.default.ipam.config
    expect(gateway.split('.').slice(0, 3)).toEqual(subnet.split('.').slice(0, 3))
    expect(services['warm-bindings'].environment.TRUSTED_PROXIES).toBe(gateway)
  })

  test('gives the secret for tokens of pages to the user of the service only', () => {
    const { environment, secrets: given } = services['warm-bindings']
    expect(given).toEqual([{ source: 'page-secrets', uid: '1000', gid: '1000', mode: 0o400 }])
    expect(secrets).toEqual({ 'page-secrets': { environment: 'CHAT_SECRET' } })
    expect(environment.PAGE_TOKEN_SECRET_FILE).toBe('/run/secrets/page-secrets')
  })
})

describe('The compose file for several processes', () => {
  const more = parse(readFileSync(join(root, 'deploy', 'compose-processes.yaml'), 'utf8'), {
    customTags: [{ tag: '!override', collection: 'seq' }],
    merge: true,
  })

  test('sets only known settings, the same for both processes', () => {
    const { 'warm-bindings': first, 'warm-bindings-2': second } = more.services
    expect(Object.keys(first.environment).filter(name => !(name in known))).toEqual([])
    expect(second.environment).toEqual(first.environment)
    expect(second.extends).toEqual({ file: 'compose.yaml', service: 'warm-bindings' })
    const proxied = readFileSync(join(root, 'deploy', 'nginx-processes.conf'), 'utf8').matchAll(/server (127\S+)/g)
    const [one, other] = [...proxied].map(([, address]) => `${address}:8080`)
    expect([first.ports, second.ports]).toEqual([[one], [other]])
  })

  test('sets the grace period to DRAIN_TIME plus 75 s', () => {
    const { environment, stop_grace_period: patience } = more.services['warm-bindings']
    expect(Number.parseInt(patience, 10)).toBe(Number(environment.DRAIN_TIME) + 75)
  })

  test('gives the files of secrets to the user of the service only', () => {
    const { environment, secrets: given } = more.services['warm-bindings']
    const files = [environment.REDIS_PASSWORD_FILE, environment.SEAL_KEY_FILE]
    const own = { uid: '1000', gid: '1000', mode: 0o400 }
    expect(given).toEqual(files.map(file => ({ source: file.replace('/run/secrets/', ''), ...own })))
    expect(more.secrets).toEqual({
      'redis-password': { environment: 'REDIS_PASSWORD' },
      'seal-key': { environment: 'SEAL_KEY' },
    })
  })

  test('does not publish a port of Redis, nor the port between the processes', () => {
    expect(more.services.redis.ports).toBeUndefined()
    const { environment, ports } = more.services['warm-bindings']
    expect(ports.join()).not.toContain(environment.PEER_LISTEN.split(':')[1])
  })
})

// The image has Debian 12's Prosody 0.12. In 13, `prosodyctl adduser` needs a running server.
const describeContainers: typeof describeWith =
  majorOf('prosody') === 0
    ? describeWith
    : (_packages, name, tests) => describe.skip(`${name} (skipped: needs Prosody 0.12)`, tests)

describeContainers(['prosody', 'openssl'], 'The containers', () => {
  const { prosody, 'warm-bindings': service } = filled(variables).services
  const isRoot = process.getuid?.() === 0
  // The user that Prosody runs as can enter it.
  const { folder } = testFolder(0o755)
  const configured = join(folder, 'etc', 'prosody', 'prosody.cfg.lua')
  const asProsody = (...command: [string, ...string[]]): [string, ...string[]] =>
    isRoot ? ['setpriv', '--reuid=prosody', '--regid=prosody', '--clear-groups', ...command] : command
  let port: number
  let health: [string, ...string[]]
  let command: [string, ...string[]]
  let running: ServerProcess | undefined

  /** With the folder's paths for the image's, and Prosody's port of this test. */
  const here = (words: string) =>
    words
      .replaceAll(/(?<![\w./])\/(certificates|var\/lib\/prosody|etc\/prosody|run\/secrets)(?!\w)/g, `${folder}$&`)
      .replaceAll('5222', String(port))

  beforeAll(async () => {
    port = (await freePorts(1))[0]!
    const file = readFileSync(join(root, prosody.build.dockerfile), 'utf8')
    for (const { name, text } of instructionsOf(file)) {
      if (name === 'RUN' && text.startsWith('apt-get')) {
        const [, packages = ''] = /install --yes --no-install-recommends ([^&]+) &&/.exec(text) ?? []
        expect([packages, missingPackages(packages.trim().split(' '))]).toEqual([packages, []])
      } else if (name === 'RUN') {
        const line = isRoot ? text : text.replaceAll('-o prosody -g prosody ', '')
        expect(run('sh', ['-c', here(line)], { cwd: folder })).toMatchObject({ status: 0, said: '' })
      } else if (name === 'COPY') {
        const files = text.split(' ')
        const target = here(files.pop()!)
        mkdirSync(target, { recursive: true })
        for (const source of files) {
          const copy = join(target, source.split('/').at(-1)!)
          cpSync(join(root, source), copy)
          writeFileSync(copy, here(readFileSync(copy, 'utf8')))
        }
      } else if (name === 'HEALTHCHECK') health = JSON.parse(here(text.slice(text.indexOf('['))))
      else if (name === 'CMD') command = JSON.parse(here(text))
      else if (name === 'USER') expect(text).toBe('prosody')
    }
    const ours = `interfaces = { "127.0.0.1" }\nc2s_ports = { ${port} }\n`
    writeFileSync(configured, ours + readFileSync(configured, 'utf8'))
    mkdirSync(here('/run/secrets'), { recursive: true })
    writeFileSync(here('/run/secrets/page-secrets'), pageSecret, { mode: 0o400 })
    await startProsody()
  })

  afterAll(() => running?.end('SIGTERM'))

  /** Starts the container's command as its user, and waits until its health check passes. */
  async function startProsody(): Promise<void> {
    const [check, ...asked] = health
    running = await startServerProcess({
      ...{ name: 'prosody', command: asProsody(...command), folder },
      environment: { PATH: process.env['PATH'], PROSODY_CONFIG: configured, ...prosody.environment },
      isReady: () => run(check, asked, { cwd: folder }).status === 0,
    })
  }

  /** The environment of the service's container: the image's, then the file's. */
  function environment(): Record<string, string> {
    const image = instructionsOf(readFileSync(join(root, service.build.dockerfile), 'utf8'))
      .filter(({ name }) => name === 'ENV')
      .map(({ text }) => text.split('=') as [string, string])
    const servers = service.environment.XMPP_SERVERS.replace('prosody:', '127.0.0.1:')
    return {
      ...Object.fromEntries(image),
      ...service.environment,
      XMPP_SERVERS: here(servers),
      PAGE_TOKEN_SECRET_FILE: here(service.environment.PAGE_TOKEN_SECRET_FILE),
      PORT: '0',
    }
  }

  const main = join(root, 'dist', 'main.js')
  const warm = (url: string, parameters: object) => {
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json' }
    const call = { method: 'POST', auth: `portal:${variables.PORTAL_SECRET}`, headers }
    return ask(`${url}/warm`, call, JSON.stringify(parameters))
  }
  const alice = { jid: 'alice@example.org', password: variables.ALICE_PASSWORD }

  const tryLogin = () =>
    run(process.execPath, [main, 'warm', alice.jid], {
      ...{ cwd: folder, more: environment(), input: `${alice.password}\n` },
    })

  test('pass --check-config without a warning', () => {
    const check = run(process.execPath, [main, '--check-config'], { cwd: folder, more: environment() })
    expect([check.status, check.said]).toEqual([0, 'The settings are valid.\n'])
  })

  test('warm the first user over STARTTLS with the generated certificate', async () => {
    const trial = tryLogin()
    expect([trial.status, trial.stdout]).toEqual([0, expect.stringContaining('over an encrypted link')])
    await serving([process.execPath, main], { cwd: folder, more: environment() }, async url => {
      const { status, text } = await warm(url, alice)
      expect([status, JSON.parse(text)]).toEqual([200, expect.objectContaining({ url: '/http-bind' })])
    })
  })

  test('log in users without a password once the service account exists', async () => {
    const password = 'secret-of-the-account'
    const adding = ['--config', configured, 'adduser', 'warm-bindings@example.org']
    const [program, ...args] = asProsody('prosodyctl', ...adding)
    const added = run(program, args, {
      ...{ cwd: folder, more: prosody.environment, input: `${password}\n${password}\n` },
    })
    expect(added).toMatchObject({ status: 0 })
    const account = { XMPP_SERVICE_ACCOUNTS: `example.org=warm-bindings:${password}` }
    const origin = 'https://www.example.org'
    const more = { ...environment(), ...account, PAGE_ORIGINS: origin }
    await serving([process.execPath, main], { cwd: folder, more }, async url => {
      const answers = [
        await warm(url, { jid: alice.jid }),
        await callConnect(url, origin, { token: pageToken(), tab: 'k2x9' }),
      ]
      for (const { status, text } of answers)
        expect([status, JSON.parse(text).jid]).toEqual([200, expect.stringMatching(/^alice@example\.org\/./)])
    })
  })

  test('keep certificate and users over a restart', async () => {
    const certificate = readFileSync(join(folder, 'certificates', 'domain.crt'), 'utf8')
    await running!.end('SIGTERM')
    await startProsody()
    expect(readFileSync(join(folder, 'certificates', 'domain.crt'), 'utf8')).toBe(certificate)
    const trial = tryLogin()
    expect([trial.status, trial.stderr]).toEqual([0, ''])
  })

  test('make the key readable by Prosody only, and print no password', () => {
    const key = join(folder, 'var', 'lib', 'prosody', 'domain.key')
    expect(statSync(key).mode & 0o077).toBe(0)
    expect(existsSync(join(folder, 'certificates', 'domain.key'))).toBe(false)
    expect(running!.log()).not.toContain(alice.password)
  })
})
