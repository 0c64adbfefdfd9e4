import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { makeCertificate } from '../support/certificates.js'
import { problemsOf } from '../support/config-problems.js'

const required = { ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org' }
const load = (environment: Record<string, string>) => loadConfig({ ...required, ...environment })
const problemsWith = (environment: Record<string, string>) => problemsOf(() => load(environment))
const nats = (environment: Record<string, string>) => load(environment).config.nats!

const folder = mkdtempSync(join(tmpdir(), 'wb-nats-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const local = 'nats://127.0.0.1:4222'
const seed = `SU${'A'.repeat(56)}`

describe('NATS_URL', () => {
  test('is one server or several, at the usual port unless a port is given', () => {
    expect(nats({ NATS_URL: 'tls://a.example.org, nats://[::1]:4333' })).toEqual({
      servers: ['a.example.org:4222', '[::1]:4333'],
      hosts: ['a.example.org', '::1'],
      account: undefined,
      tls: { ca: undefined, certificate: undefined, wantedBy: ['tls:// in NATS_URL'] },
      isUnencrypted: false,
      mayBeUnencrypted: false,
      subject: 'warm-bindings',
    })
  })

  test.each([
    ['a user and a password', 'chat:p%40ss%2C', { user: 'chat', password: 'p@ss,' }],
    ['a token', 't0ken', { token: 't0ken' }],
  ])('may have %s', (_what, user, account) => {
    expect(nats({ NATS_URL: `nats://${user}@127.0.0.1,nats://localhost` }).account).toEqual(account)
  })

  test.each([
    ['127.0.0.1:4222'],
    ['http://127.0.0.1:4222'],
    ['ws://127.0.0.1'],
    ['nats://'],
    ['nats://a b'],
    ['nats://127.0.0.1:99999'],
  ])('is refused as %s', NATS_URL => {
    expect(problemsWith({ NATS_URL })).toEqual([
      'NATS_URL entry 1 must be like nats://nats.example.org:4222 or tls://nats.example.org:4222',
    ])
  })

  const escapes =
    '; if it has a password, write / in it as %2F, : as %3A, @ as %40, # as %23, ? as %3F, and a comma as %2C'

  test.each([
    ['a slash', 'nats://chat:s3cret/s3cret@127.0.0.1', 1],
    ['a number sign', 'nats://chat:s3cret#s3cret@127.0.0.1', 1],
    ['a question mark', 'nats://chat:s3cret?s3cret@127.0.0.1', 1],
    ['a comma', 'nats://chat:s3cret,s3cret@127.0.0.1', 2],
  ])('is rejected with %s in a password, and the error says how to write it', (_what, NATS_URL, entry) => {
    const problem = problemsWith({ NATS_URL }).at(-1)
    expect(problem).toBe(
      `NATS_URL entry ${entry} must be like nats://nats.example.org:4222 or tls://nats.example.org:4222${escapes}`,
    )
  })

  test('is never quoted with a password in an error', () => {
    const urls = ['nats://chat:s3cret@127.0.0.1/path', 'nats://chat:s3cret%zz@127.0.0.1', 'http://chat:s3cret@host']
    const problems = problemsWith({ NATS_URL: urls.join(',') })
    expect(problems).toEqual([
      `NATS_URL entry 1 has text after its host and port${escapes}`,
      'NATS_URL entry 2 has a % that begins no escape in its user or password: write %25',
      'NATS_URL entry 3 must be like nats://nats.example.org:4222 or tls://nats.example.org:4222',
    ])
    expect(problemsWith({ NATS_URL: 'nats://a:s3cret@127.0.0.1,nats://b:s3cret@127.0.0.2' })).toEqual([
      'NATS_URL has more than one user: all NATS servers must have the same user',
    ])
    expect(problemsWith({ NATS_URL: ',' })).toEqual(['NATS_URL must have a URL such as nats://127.0.0.1:4222'])
  })
})

describe('TLS for NATS', () => {
  const far = 'nats://nats.example.org'

  test.each([
    ['tls://', { NATS_URL: 'tls://127.0.0.1' }, true],
    ['nats:// to this machine', { NATS_URL: `${local},nats://localhost,nats://[::1]` }, false],
    ['nats:// to another machine', { NATS_URL: far }, true],
    ['nats:// to this machine and another machine', { NATS_URL: `${local},${far}` }, true],
    ['nats:// and NATS_ALLOW_PLAINTEXT', { NATS_URL: far, NATS_ALLOW_PLAINTEXT: 'on' }, false],
    ['tls:// and NATS_ALLOW_PLAINTEXT', { NATS_URL: 'tls://nats', NATS_ALLOW_PLAINTEXT: 'on' }, true],
  ])('is required or not with %s', (_what, environment, isTls) => {
    expect(nats(environment).tls !== undefined).toBe(isTls)
  })

  test('that is not required for another machine gives a warning', () => {
    const warning =
      'NATS_ALLOW_PLAINTEXT is on: an attacker in the network can read all messages to NATS, and pose as this service.'
    expect(load({ NATS_URL: far, NATS_ALLOW_PLAINTEXT: 'on' }).warnings).toEqual([warning])
    expect(load({ NATS_URL: local, NATS_ALLOW_PLAINTEXT: 'on' }).warnings).toEqual([])
  })

  test('uses the certificates in the settings', () => {
    const [one, other] = [makeCertificate(['DNS:a']), makeCertificate(['DNS:b'])]
    const both = file('both.pem', one.cert + one.key)
    const certificate = { cert: one.cert.trim(), key: expect.stringContaining('PRIVATE KEY') }
    expect(nats({ NATS_URL: local, NATS_TLS_CA: both, NATS_TLS_CERT: both }).tls).toEqual({
      ca: one.cert.trim(),
      certificate,
      wantedBy: ['NATS_TLS_CA', 'NATS_TLS_CERT'],
    })
    const apart = { NATS_TLS_CERT: file('a.pem', one.cert), NATS_TLS_KEY: file('a.key', one.key) }
    expect(nats({ NATS_URL: local, ...apart }).tls).toEqual({
      ca: undefined,
      certificate,
      wantedBy: ['NATS_TLS_CERT'],
    })

    expect(problemsWith({ NATS_TLS_CERT: apart.NATS_TLS_CERT })).toEqual([
      'NATS_TLS_KEY is required for NATS_TLS_CERT, which has no key in the same file',
    ])
    expect(problemsWith({ NATS_TLS_KEY: apart.NATS_TLS_KEY })).toEqual([
      'NATS_TLS_CERT is required for NATS_TLS_KEY: name the file of its certificate',
    ])
    expect(problemsWith({ ...apart, NATS_TLS_KEY: file('b.key', other.key) })).toEqual([
      'NATS_TLS_KEY has a key that does not belong to NATS_TLS_CERT',
    ])
  })

  test.each(['NATS_TLS_CA', 'NATS_TLS_CERT', 'NATS_TLS_KEY'])('reports a fault in the file of %s', name => {
    const kind = name === 'NATS_TLS_KEY' ? 'a private key' : 'certificates'
    expect(problemsWith({ [name]: file('text', 'no PEM') })).toEqual([
      `${name} names a file that is not a PEM file of ${kind}`,
    ])
    expect(problemsWith({ [name]: join(folder, 'missing') })).toEqual([
      `${name} names a file that cannot be read (ENOENT)`,
    ])
  })
})

describe('this service authenticates to NATS', () => {
  const creds = `-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`

  test('with a credentials file, a seed, or a token', () => {
    expect(nats({ NATS_URL: local, NATS_CREDS_FILE: file('creds', creds) }).account).toEqual({ creds })
    expect(nats({ NATS_URL: local, NATS_NKEY_FILE: file('seed', `# a comment\n${seed}\n`) }).account).toEqual({ seed })
    expect(nats({ NATS_URL: local, NATS_TOKEN: 't0ken' }).account).toEqual({ token: 't0ken' })
    expect(nats({ NATS_URL: local, NATS_TOKEN_FILE: file('token', 't0ken\n') }).account).toEqual({
      token: 't0ken',
    })
  })

  test('with one kind of credentials only', () => {
    const one =
      'NATS_CREDS_FILE, NATS_NKEY_FILE, NATS_TOKEN and a user in NATS_URL exclude each other: keep one of them'
    const token = file('token', 't0ken')
    expect(problemsWith({ NATS_TOKEN: 'a', NATS_NKEY_FILE: file('seed', seed) })).toEqual([one])
    expect(problemsWith({ NATS_TOKEN_FILE: token, NATS_URL: 'nats://a:b@127.0.0.1' })).toEqual([one])
    expect(problemsWith({ NATS_TOKEN_FILE: token, NATS_TOKEN: 'a' })).toEqual([
      'NATS_TOKEN_FILE and NATS_TOKEN are both set: keep one of the two',
    ])
  })

  test('and a faulty credentials file is reported without its content', () => {
    const secret = file('secret', 's3cret')
    expect(problemsWith({ NATS_CREDS_FILE: secret })).toEqual([
      'NATS_CREDS_FILE names a file without the JWT of a user and its seed, as nsc writes them',
    ])
    expect(problemsWith({ NATS_NKEY_FILE: secret })).toEqual([
      'NATS_NKEY_FILE names a file without the seed of a user, which begins with SU',
    ])
    expect(problemsWith({ NATS_TOKEN_FILE: file('empty', '\n') })).toEqual([
      'NATS_TOKEN_FILE names a file that is empty',
    ])
  })
})

describe('NATS_SUBJECT', () => {
  test.each(['chat', 'chat.warm_bindings-2', 'a.b.c'])('may be %s', NATS_SUBJECT => {
    expect(nats({ NATS_URL: local, NATS_SUBJECT }).subject).toBe(NATS_SUBJECT)
  })

  test.each(['chat.*', '>', 'a..b', '.a', 'a.', 'a b', '$SYS', 'ä', 'a'.repeat(101)])(
    'is refused as %s',
    NATS_SUBJECT => {
      expect(problemsWith({ NATS_SUBJECT })).toEqual([
        'NATS_SUBJECT must be a subject of NATS such as chat.warm-bindings: letters, digits, "-", "_", and dots between them',
      ])
    },
  )
})

test('without NATS_URL there is no NATS', () => {
  expect(load({ NATS_TOKEN: 'a', NATS_SUBJECT: 'b' }).config.nats).toBeUndefined()
})

test('settings of other NATS programs, such as NATS_CONTEXT, give no warning', () => {
  expect(load({ NATS_CONTEXT: 'a', NATS_PASSWORD: 'b', NATS_SERVER_VERSION: '2.9' }).warnings).toEqual([])
})
