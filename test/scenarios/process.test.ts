import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { hashLike, parseSecretHash } from '../../src/config/kinds/secret-hash.js'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { callUrl } from '../support/login-server/watched-service.js'
import { testRest } from '../support/matrix.js'
import { Operator, settingsAt } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'
import { redisForWorkers, workerCounts } from '../support/redis-for-workers.js'
import { root } from '../support/repository.js'
import { callSessions } from '../support/sessions-api.js'

const password = 'Pa55-of-alice'

const workersOf = redisForWorkers()
const operator = Operator.ofEachTest()
let server: LoginServer

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts: { alice: password } })
})

afterAll(() => server.stop())

const settings = (more: Record<string, string> = {}) => ({ ...settingsAt(server), ...more })

describe('a service that cannot start', () => {
  test('because it has no settings prints what is missing, where it looked, and mentions the demo', async () => {
    const service = operator.start({})
    expect(await service.exit).toBe(1)
    expect(service.stderr).toContain('ADMIN_USERS is required')
    expect(service.stderr).toContain('XMPP_DOMAINS is required')
    expect(service.stderr).toContain('There is no file .env here')
    expect(service.stderr).toContain('npm run demo')
    const [, ...named] = /See (\S+) and (\S+)\. /.exec(service.stderr)!
    expect(named).toEqual(['docs/settings.md', '.env.example'].map(name => join(root, name)))
    expect(service.stderr).not.toMatch(/^\s+at /m)
    expect(service.stdout).toBe('')
  })

  test.each([
    [['--chekc-config'], /^Unknown option --chekc-config\.\n/],
    [['--check-config', '--demo'], /^--check-config and --demo exclude each other\.\n/],
  ])('because of the arguments %j exits with 2 and prints the usage', async (words, told) => {
    const service = operator.start(settings(), ...words)
    expect(await service.exit).toBe(2)
    expect([service.stdout, service.stderr]).toEqual(['', expect.stringMatching(told)])
    expect(service.stderr).toMatch(/\n\n {2}warm-bindings +starts the service\n.*--help +prints this text\n$/s)
  })

  // Some containers give all ports to all users.
  const lowest = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  testRest.each([
    [{ HOST: '127.0.0.1:443' }, '0'],
    ...workerCounts('0', '1').map(workers => [{ PORT: '443' }, workers] as const),
  ] as const)(
    'because of a port below 1024 names the missing capability, at a start and with --check-config: %j, %s workers',
    async (about, workers) => {
      if (lowest <= 443) return
      for (const args of [[], ['--check-config']]) {
        const service = operator.startUnprivileged(settings({ ...about, ...workersOf(workers) }), ...args)
        expect(await service.exit).toBe(1)
        expect(service.stderr).toContain(
          'this user may not listen on port 443: give the service the capability CAP_NET_BIND_SERVICE',
        )
        expect(service.stderr).not.toMatch(/^\s+at /m)
      }
    },
  )
})

describe('a service at its start', () => {
  test('reads .env, prefers the environment, and names in its first line only what it serves', async () => {
    const inFile = { WARM_PATH: '/from-file', BOSH_PATH: '/bosh-from-file', WARM_ENABLED: 'pages' }
    const lines = Object.entries(settings({ ...inFile, WEBSOCKET_ENABLED: 'off' }))
    operator.write('.env', lines.map(([name, value]) => `${name}=${value}\n`).join(''))
    const service = operator.start({ BOSH_PATH: '/bosh-from-environment' })
    const url = await service.url()
    const line = service.lines.find(({ msg }) => msg === 'listening')!
    expect(line).toMatchObject({ adminPages: '/from-file/sessions', bosh: '/bosh-from-environment' })
    for (const name of ['warm', 'websocket']) expect(line).not.toHaveProperty(name)
    expect((await callUrl(`${url}/from-file`)).status).toBe(303)
    expect((await callUrl(`${url}/bosh-from-environment`)).status).toBe(200)
  })
})

testRest.each(workerCounts('0', '2'))(
  'SIGHUP and SIGUSR2 during a start do not end the service, with %s workers',
  async workers => {
    // A warning is the first line of a start.
    const service = operator.start(settings({ ...workersOf(workers), TRUSTED_PROXIES: 'private' }))
    await eventually('the start', () => service.stdout.includes('\n'))
    service.signal('SIGHUP')
    service.signal('SIGUSR2')
    const url = await service.url()
    await eventually('the signal is handled', () => /SIGUSR2|workers have been replaced/.test(service.stdout))
    expect((await callUrl(`${url}/healthz`)).status).toBe(200)
    service.signal('SIGINT')
    expect(await service.exit).toBe(0)
  },
)

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a service that is stopped by %s answers held requests, closes its streams and exits',
  async name => {
    const service = operator.start(settings())
    const url = await service.url()
    const { json } = await callSessions(url, 'POST', '', { body: { jid: 'alice@plain.example', password } })
    const client = new BoshClient(`${url}/http-bind`, json)
    const connection = server.last
    const held = client.request("<presence xmlns='jabber:client'/>")
    await eventually('the request is held', () => connection.stanzas.length === 1)
    const asked = performance.now()
    service.signal(name)
    expect(await held).toContain("type='terminate' condition='system-shutdown'")
    expect(await service.exit).toBe(0)
    expect(performance.now() - asked).toBeLessThan(10_000)
    expect(connection.goodbye).toBe('footer')
    expect(service.stderr).toBe('')
    client.close()
  },
)

describe('--check-config', () => {
  test('succeeds while a service runs with the same settings', async () => {
    const [port, metricsPort] = (await freePorts(2)) as [number, number]
    const same = settings({ HOST: `127.0.0.1:${port}`, METRICS_ADDRESS: `127.0.0.1:${metricsPort}` })
    await operator.start(same).url()
    expect(await operator.start(same, '--check-config').exit).toBe(0)
  })

  testRest('prints every setting with an unusable address or an unknown host', async () => {
    const { cert, key } = makeCertificate(['DNS:localhost'])
    operator.write('tls.pem', cert + key)
    const environment = {
      HOST: '192.0.2.1:8080',
      HTTPS_HOST: 'no-such-host.invalid',
      TLS_CERT: 'tls.pem',
      METRICS_ADDRESS: '203.0.113.1:9110',
      ...{ REDIS_URL: 'redis://127.0.0.1', SEAL_KEY_FILE: 'seal.key', PEER_LISTEN: '203.0.113.2:9191' },
    }
    operator.write('seal.key', Buffer.alloc(32, 7).toString('base64'))
    const check = operator.start(settings(environment), '--check-config')
    expect(await check.exit).toBe(1)
    expect(check.stderr).toContain('- HOST has 192.0.2.1, which is not an address of this machine\n')
    expect(check.stderr).toMatch(/^- HTTPS_HOST has no-such-host\.invalid, a name without an address/m)
    expect(check.stderr).toContain('- METRICS_ADDRESS has 203.0.113.1, which is not an address of this machine\n')
    expect(check.stderr).toContain('- PEER_LISTEN has 203.0.113.2, which is not an address of this machine\n')
  })

  testRest('fails for an unknown setting, which a start only warns of', async () => {
    const check = operator.start(settings({ BOSH_MAXWAIT: '30' }), '--check-config')
    expect(await check.exit).toBe(1)
    expect(check.stderr).toContain('Did you mean BOSH_MAX_WAIT?')
  })

  test('succeeds with a risk, and prints the warning of a start', async () => {
    const check = operator.start(settings({ HOST: '0.0.0.0' }), '--check-config')
    expect(await check.exit).toBe(0)
    expect(check.stderr).toMatch(/^\/warm refuses calls without TLS to 0\.0\.0\.0:0 with 403 insecure-channel/)
    expect(check.stdout).toBe('The settings are valid.\n')
  })
})

describe('hash-password', () => {
  const run = (input: string) => operator.startWithInput(input, {}, 'hash-password')

  test('prints a hash of its input line', async () => {
    const command = run('geheim-ü\n')
    expect(await command.exit).toBe(0)
    const hash = parseSecretHash(command.stdout.trim())!
    expect((await hashLike(hash, 'geheim-ü')).equals(hash.hash)).toBe(true)
  })

  test.each(['', '\n'])('exits with an error if the input is %j', async input => {
    const command = run(input)
    expect(await command.exit).toBe(1)
    expect([command.stdout, command.stderr]).toEqual(['', 'No secret was entered.\n'])
  })
})
