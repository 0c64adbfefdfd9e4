import { hostname } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import { reloadConfig } from '../../src/config/reload.js'
import { makeCertificate } from '../support/certificates.js'
import { load as loadAll, problemsOf, required } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()

const { cert } = makeCertificate(['DNS:redis.example.org'])
const REDIS_PASSWORD_FILE = file('password', ' p@ss/word\n')
const REDIS_TLS_CA = file('ca.pem', cert)
const SEAL_KEY_FILE = file('seal.key', Buffer.alloc(32, 1).toString('base64'))
const load = (environment: Record<string, string>) => loadAll({ SEAL_KEY_FILE, ...environment })
const problemsWith = (environment: Record<string, string>) => problemsOf(() => load(environment))
const redis = (environment: Record<string, string>) => load(environment).config.redis!

const local = 'redis://127.0.0.1'
const none = { username: undefined, password: undefined, database: undefined, tls: undefined }

describe('REDIS_URL', () => {
  test.each([
    ['redis://127.0.0.1', { host: '127.0.0.1', port: 6379 }, {}],
    ['redis://Redis.example.org:6380/', { host: 'redis.example.org', port: 6380 }, {}],
    ['redis://[::1]:6380/3', { host: '::1', port: 6380 }, { database: 3 }],
    ['redis://[::1]/0', { host: '::1', port: 6379 }, { database: 0 }],
    ['redis://:p%40ss%2F:@localhost', { host: 'localhost', port: 6379 }, { password: 'p@ss/:' }],
    ['redis://ch%61t:pass@localhost', { host: 'localhost', port: 6379 }, { username: 'chat', password: 'pass' }],
    ['rediss://a.example.org', { host: 'a.example.org', port: 6379 }, { tls: { servername: 'a.example.org' } }],
    ['rediss://10.0.0.7', { host: '10.0.0.7', port: 6379 }, { tls: {} }],
  ])('may be a server: %s', (REDIS_URL, place, about) => {
    expect(redis({ REDIS_URL })).toEqual({ ...none, place: { kind: 'server', ...place }, ...about })
  })

  test('may be a Unix socket', () => {
    const place = { kind: 'socket', path: '/run/redis/redis.sock' }
    expect(redis({ REDIS_URL: 'unix:/run/redis/redis.sock' })).toEqual({ ...none, place })
    for (const REDIS_URL of ['unix:', 'unix:redis.sock', 'unix:/run/', `unix:/${'a'.repeat(107)}`])
      expect(problemsWith({ REDIS_URL })).toEqual([
        'REDIS_URL must have an absolute path of at most 107 bytes after unix:',
      ])
  })

  test('may be Sentinels, at their usual port unless a port is given', () => {
    const sentinels = [
      { host: 'a.example.org', port: 26379 },
      { host: '::1', port: 26380 },
    ]
    expect(redis({ REDIS_URL: 'redis+sentinel://a.example.org, [::1]:26380/mymaster' })).toEqual({
      ...none,
      place: { kind: 'sentinels', name: 'mymaster', sentinels },
    })
    expect(redis({ REDIS_URL: 'rediss+sentinel://chat:pass@a.example.org/the.master/2' })).toEqual({
      place: { kind: 'sentinels', name: 'the.master', sentinels: sentinels.slice(0, 1) },
      ...{ username: 'chat', password: 'pass', database: 2, tls: {} },
    })
  })

  const wanted =
    'must be like redis://127.0.0.1:6379, rediss://redis.example.org, redis+sentinel://a.example.org,b.example.org/name or unix:/run/redis/redis.sock'
  const escapes = '; in a password, write / as %2F, @ as %40, # as %23, ? as %3F, and % as %25'

  test.each([
    ['127.0.0.1:6379', wanted],
    ['redis://', wanted],
    ['redis://127.0.0.1:0', wanted],
    ['redis://127.0.0.1?db=1', wanted],
    ['redis+sentinel://a,unix:/name', wanted],
    ['redis://a,b', 'has more than one host: for Sentinels, write redis+sentinel://'],
    ['redis://127.0.0.1/name', 'must have only a database after its host and port, such as /1'],
    ['redis+sentinel://a', 'must have the name of a master after its Sentinels, such as /mymaster'],
    ['redis://chat@127.0.0.1', 'has a user without a password: write user:password, or set REDIS_PASSWORD_FILE'],
  ])('is refused as %s', (REDIS_URL, problem) => {
    expect(problemsWith({ REDIS_URL })).toEqual([`REDIS_URL ${problem}`])
  })

  test.each([
    ['redis://:s3cret/s3cret@127.0.0.1', wanted + escapes],
    ['redis://:s3cret@s3cret@127.0.0.1', wanted + escapes],
    ['redis://:s3cret#s3cret@127.0.0.1', wanted + escapes],
    ['redis://:s3cret%zz@127.0.0.1', 'has a % that begins no escape in its user or password: write %25'],
    ['redis://:s3cret@127.0.0.1/name', `must have only a database after its host and port, such as /1${escapes}`],
  ])('is never quoted with a password in an error: %s', (REDIS_URL, problem) => {
    expect(problemsWith({ REDIS_URL })).toEqual([`REDIS_URL ${problem}`])
  })

  test('replaces each setting of NATS, and without it no former process of several starts alone', () => {
    const sentence = (name: string) =>
      `${name} is no longer a setting: several processes share a Redis (REDIS_URL). See the upgrade notes in CHANGELOG.md`
    const nats = { NATS_URL: 'nats://127.0.0.1', NATS_TLS_CA: 'ca.pem' }
    expect(load({ REDIS_URL: local, ...nats }).warnings).toEqual(Object.keys(nats).map(sentence))
    expect(problemsWith(nats)).toEqual(Object.keys(nats).map(sentence))
    expect(load({ REDIS_URL: local, nats_url: 'a', NATS: 'b' }).warnings).toEqual([])
    expect(load({ NATS_URL: '' }).warnings).toEqual([sentence('NATS_URL')])
  })

  test.each([
    ['redis://redis.example.org', 'data of sessions can be read in the network. Use rediss://.'],
    ['redis://:s3cret@10.0.0.7', 'the password and data of sessions can be read in the network. Use rediss://.'],
    ['redis+sentinel://localhost,far/name', 'data of sessions can be read in the network. Use rediss+sentinel://.'],
  ])('without TLS to another machine gives a warning: %s', (REDIS_URL, warning) => {
    expect(load({ REDIS_URL }).warnings).toEqual([`REDIS_URL has no TLS: ${warning}`])
  })

  test.each([
    'redis://:s3cret@localhost',
    'redis://[::1]',
    'rediss://:s3cret@10.0.0.7',
    'unix:/run/redis/redis.sock',
    'redis+sentinel://127.0.0.1:26379,127.0.0.1:26380/name',
    'rediss+sentinel://far/name',
  ])('gives no warning as %s', REDIS_URL => {
    expect(load({ REDIS_URL }).warnings).toEqual([])
  })

  test('needs a restart, with the other settings of Redis and of peers', () => {
    const fresh = {
      REDIS_URL: 'rediss://localhost',
      REDIS_PASSWORD_FILE: file('new-password', 's3cret'),
      REDIS_TLS_CA: file('new-ca.pem', makeCertificate(['DNS:a']).cert),
      PEER_LISTEN: '127.0.0.1:9191',
      PEER_ADDRESS: 'chat1.example.org',
    }
    const reloaded = reloadConfig(load({ REDIS_URL: local }), { ...required, SEAL_KEY_FILE, ...fresh })
    expect([reloaded.changed, reloaded.needRestart]).toEqual([[], Object.keys(fresh)])
    expect(reloaded.config.redis).toEqual(redis({ REDIS_URL: local }))
    expect(reloaded.config.peers).toBeUndefined()
  })
})

test('REDIS_PASSWORD_FILE has the password of all users or of the user in REDIS_URL', () => {
  for (const [REDIS_URL, username] of [
    [local, undefined],
    ['unix:/run/redis.sock', undefined],
    ['redis://chat@localhost', 'chat'],
  ] as const)
    expect(redis({ REDIS_URL, REDIS_PASSWORD_FILE })).toMatchObject({ username, password: 'p@ss/word' })
})

test('REDIS_TLS_CA has the CAs of the certificate of Redis', () => {
  expect(redis({ REDIS_URL: 'rediss://redis.example.org', REDIS_TLS_CA }).tls).toEqual({
    ca: cert.trim(),
    servername: 'redis.example.org',
  })
  expect(redis({ REDIS_URL: 'rediss+sentinel://a,b/name', REDIS_TLS_CA }).tls).toEqual({ ca: cert.trim() })
})

describe('PEER_LISTEN and PEER_ADDRESS', () => {
  const peers = (environment: Record<string, string>) => load({ REDIS_URL: local, ...environment }).config.peers

  test.each([
    ['10.0.0.11:9191', { host: '10.0.0.11', port: 9191 }],
    ['[2001:db8::11]:0', { host: '2001:db8::11', port: 0 }],
    ['chat1.example.org:9191', { host: 'chat1.example.org', port: 9191 }],
  ])('are the same by default: %s', (PEER_LISTEN, address) => {
    expect(peers({ PEER_LISTEN })).toEqual({ listen: address, address })
  })

  test.each(['0.0.0.0', '::'])('have the name of the machine if this process listens at %s', host => {
    expect(peers({ PEER_LISTEN: host === '::' ? '[::]:9191' : `${host}:9191` })).toEqual({
      listen: { host, port: 9191 },
      address: { host: hostname(), port: 9191 },
    })
  })

  test.each([
    ['chat1.example.org', 'chat1.example.org', 9191],
    ['chat1.example.org:443', 'chat1.example.org', 443],
    ['[2001:db8::11]:443', '2001:db8::11', 443],
    ['2001:db8::11', '2001:db8::11', 9191],
  ])('may differ, and a missing port is that of PEER_LISTEN: %s', (PEER_ADDRESS, host, port) => {
    expect(peers({ PEER_LISTEN: '0.0.0.0:9191', PEER_ADDRESS })?.address).toEqual({ host, port })
  })

  test.each([
    ['65533', '127.0.0.1'],
    ['9191', 'chat1.example.org:65533'],
  ])('have ports for all workers: %s, %s', (port, PEER_ADDRESS) => {
    const problemsOf = (WORKERS: string) =>
      problemsWith({ REDIS_URL: local, PEER_LISTEN: `127.0.0.1:${port}`, PEER_ADDRESS, WORKERS })
    expect(problemsOf('4')).toEqual([
      'PEER_LISTEN, or PEER_ADDRESS, has a port that is too high: each of WORKERS needs a port from there to 65535',
    ])
    expect(problemsOf('3')).toEqual([])
    expect(problemsOf('0')).toEqual([])
  })

  test('have a port to fill in if PEER_LISTEN has port 0', () => {
    expect(peers({ PEER_LISTEN: '[::]:0', PEER_ADDRESS: 'chat1' })?.address).toEqual({ host: 'chat1', port: 0 })
  })

  test.each(['9191', '10.0.0.11', '10.0.0.11:99999', '::1:9191:x', 'unix:/run/peers.sock', 'a,b:1'])(
    'are refused as PEER_LISTEN=%s',
    PEER_LISTEN => {
      expect(problemsWith({ REDIS_URL: local, PEER_LISTEN })).toEqual([
        'PEER_LISTEN must be an address with a port, such as 10.0.0.11:9191 or [::]:9191',
      ])
    },
  )

  const wanted = 'must be a host name or an IP address, with a port or without, such as chat1.example.org:9191'

  test.each([
    ['a b', wanted],
    ['chat1:0', wanted],
    ['unix:/run/peers.sock', wanted],
    ['0.0.0.0:9191', 'must be an address that other machines can connect to'],
    ['::', 'must be an address that other machines can connect to'],
  ])('are refused as PEER_ADDRESS=%s', (PEER_ADDRESS, problem) => {
    expect(problemsWith({ REDIS_URL: local, PEER_LISTEN: '0.0.0.0:9191', PEER_ADDRESS })).toEqual([
      `PEER_ADDRESS ${problem}`,
    ])
  })
})

test.each([
  [{ REDIS_URL: local, SEAL_KEY_FILE: '' }, 'SEAL_KEY_FILE is required for REDIS_URL: give all processes the same'],
  [{ WORKERS: '2' }, 'REDIS_URL is required for WORKERS: install Redis'],
  [{ WORKERS: 'auto' }, 'REDIS_URL is required for WORKERS: install Redis'],
  [{ REDIS_PASSWORD_FILE }, 'REDIS_URL is required for REDIS_PASSWORD_FILE: name the Redis that'],
  [{ REDIS_TLS_CA }, 'REDIS_URL is required for REDIS_TLS_CA: name the Redis that'],
  [{ PEER_LISTEN: '127.0.0.1:9191' }, 'REDIS_URL is required for PEER_LISTEN: name the Redis that'],
  [{ REDIS_URL: 'redis://:x@localhost', REDIS_PASSWORD_FILE }, 'REDIS_PASSWORD_FILE and a password in REDIS_URL'],
  [{ REDIS_URL: local, REDIS_PASSWORD_FILE: file('empty', '\n') }, 'REDIS_PASSWORD_FILE names a file that is empty'],
  [{ REDIS_URL: local, REDIS_TLS_CA }, 'REDIS_TLS_CA needs TLS: write rediss://'],
  [{ REDIS_URL: 'redis+sentinel://127.0.0.1/name', REDIS_TLS_CA }, 'REDIS_TLS_CA needs TLS: write rediss://'],
  [{ REDIS_URL: 'unix:/run/redis.sock', REDIS_TLS_CA }, 'REDIS_TLS_CA needs TLS: write rediss://'],
  [{ REDIS_URL: local, PEER_ADDRESS: 'chat1' }, 'PEER_LISTEN is required for PEER_ADDRESS: name the address where'],
  [
    { REDIS_URL: local, PEER_LISTEN: '[::]:0', PEER_ADDRESS: 'chat1:443' },
    'PEER_ADDRESS has a port, but PEER_LISTEN has the port 0',
  ],
])('settings of Redis and of peers are refused as %j', (environment, problem) => {
  expect(problemsWith(environment as Record<string, string>)).toEqual([expect.stringContaining(problem)])
})
