import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { exposedSettings } from '../../src/config/exposed-secrets.js'
import { loadConfig } from '../../src/config/load.js'
import { makeCertificate } from '../support/certificates.js'
import { testFolder } from '../support/test-folder.js'

const { folder, file: writeFile } = testFolder(0o755)

const write = (name: string, mode: number, text: string) => writeFile(name, text, mode)

const warnings = (environment: Record<string, string>) =>
  loadConfig({ ADMIN_USERS: 'portal:a-long-s3cret', XMPP_DOMAINS: 'example.org', ...environment }).warnings

const admins = 'intranet:another-s3cret\n'

describe('a file with a secret', () => {
  test.each([
    ['read', 0o644, 'every user of this machine can read'],
    ['write to', 0o602, 'every user of this machine can write to'],
    ['read and write to', 0o606, 'every user of this machine can read and write to'],
    ['write to as its group', 0o660, 'its group can write to'],
    ['read and write to', 0o666, 'every user of this machine can read and write to, and its group can write to'],
  ])('causes a warning if others can %s it (%o)', (_what, mode, fault) => {
    const file = write('admins', mode, admins)
    expect(warnings({ ADMIN_USERS_FILE: file })).toEqual([
      `ADMIN_USERS_FILE names ${file}, which ${fault}: chmod g-w,o= ${file}`,
    ])
  })

  test.each([0o600, 0o400, 0o640, 0o440])('may be readable by its group (%o)', mode => {
    expect(warnings({ ADMIN_USERS_FILE: write('admins', mode, admins) })).toEqual([])
  })

  test('causes no warning in a folder that others cannot enter', () => {
    mkdirSync(join(folder, 'own'), { mode: 0o700 })
    expect(warnings({ ADMIN_USERS_FILE: write('own/admins', 0o666, admins) })).toEqual([])
  })

  test('is checked if it has the key of this service, named or beside its certificate', () => {
    const { cert, key } = makeCertificate(['DNS:chat.example'])
    const TLS_CERT = write('chat.crt', 0o644, cert)
    const beside = write('chat.key', 0o644, key)
    const named = write('named.key', 0o640, key)
    const inside = write('both.pem', 0o644, cert + key)
    const fault = (file: string) =>
      `TLS_KEY names ${file}, which every user of this machine can read: chmod g-w,o= ${file}`
    expect(warnings({ TLS_CERT })).toEqual([fault(beside)])
    expect(warnings({ TLS_CERT: inside })).toEqual([fault(inside)])
    expect(warnings({ TLS_CERT, TLS_KEY: named })).toEqual([])
  })

  test('is checked if it has the client key for an XMPP server', () => {
    const { cert, key } = makeCertificate(['DNS:chat.example'])
    const [own, ownKey] = [write('own+1.crt', 0o644, cert), write('own+1.key', 0o644, key)]
    const XMPP_SERVERS = `example.org=xmpp://127.0.0.1:5222?cert=${own}&key=${ownKey}`
    expect(warnings({ XMPP_SERVERS })).toEqual([expect.stringContaining(`XMPP_SERVERS names ${ownKey}, which`)])
    chmodSync(ownKey, 0o600)
    expect(warnings({ XMPP_SERVERS })).toEqual([])
  })

  const sealKey = Buffer.alloc(32, 1).toString('base64')
  const SEAL_KEY_FILE = write('seal.key', 0o600, sealKey)

  test.each([
    ['XMPP_SERVICE_ACCOUNTS_FILE', 'example.org=service:s3cret', {}],
    ['EVENTS_SECRET_FILE', '0123456789abcdef', { EVENTS_URL: 'https://portal.example/events' }],
    ['REDIS_PASSWORD_FILE', 's3cret', { REDIS_URL: 'redis://127.0.0.1', SEAL_KEY_FILE }],
    ['SEAL_KEY_FILE', sealKey, {}],
  ])('is checked if %s names it', (name, text, more) => {
    const file = write('secret', 0o644, text)
    expect(warnings({ ...more, [name]: file })).toEqual([expect.stringContaining(`${name} names ${file}, which`)])
  })

  test('is checked if it is the audit log', () => {
    const file = write('audit.log', 0o666, '')
    expect(warnings({ AUDIT_LOG: file })).toEqual([
      `AUDIT_LOG names ${file}, which every user of this machine can read and write to, and its group can write to: chmod g-w,o= ${file}`,
    ])
    expect(warnings({ AUDIT_LOG: join(folder, 'missing.log') })).toEqual([])
  })

  test('is checked if it is the environment file', () => {
    const file = write('.env', 0o644, '')
    expect(exposedSettings(file, { ADMIN_USERS: 'portal:s3cret' })).toEqual([
      `${file} has secrets in it, which every user of this machine can read: chmod g-w,o= ${file}`,
    ])
    const redis = ['redis://:s3cret@localhost', 'redis://localhost:6379', 'rediss://user@localhost:6379']
    expect(redis.map(REDIS_URL => exposedSettings(file, { REDIS_URL }).length)).toEqual([1, 0, 0])
    const proxy = 'http://a:b@proxy:1'
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY'])
      expect(exposedSettings(file, { [name]: proxy })).toHaveLength(1)
    expect(exposedSettings(file, { HTTPS_PROXY: 'http://proxy:1' })).toEqual([])
    expect(exposedSettings(file, { ADMIN_USERS_FILE: '/etc/warm-bindings/admins' })).toEqual([])
    expect(exposedSettings(join(folder, 'missing'), { ADMIN_USERS: 'portal:s3cret' })).toEqual([])
  })
})

describe('a secret of fewer than 12 characters', () => {
  const short = { ADMIN_USERS: 'portal:elevenchars,intranet:twelve-chars,x:y', ASSUME_SECURE: 'on' }

  test.each(['0.0.0.0', '127.0.0.1,10.0.0.7'])('causes a warning if other machines reach the service: %s', HOST => {
    expect(warnings({ ...short, HOST })).toEqual([
      'The secrets of these admins have fewer than 12 characters, and other machines can try to guess them: portal, x. Make longer ones, for example with openssl rand -hex 24, or listen on loopback addresses alone.',
    ])
  })

  const hash = `scrypt$15$8$1$${'a'.repeat(22)}$${'b'.repeat(43)}`
  test.each<[string, Record<string, string>]>([
    ['on loopback, with six characters', { HOST: '127.0.0.1,[::1]', ADMIN_USERS: 'portal:s3cret' }],
    ['if the settings have only its hash', { HOST: '0.0.0.0', ADMIN_USERS: `portal:${hash}` }],
    ['without a warm API', { HOST: '0.0.0.0', WARM_ENABLED: 'off' }],
  ])('causes no warning %s', (_what, environment) => {
    expect(warnings({ ...short, ...environment })).toEqual([])
  })

  test('causes a warning on loopback if it has fewer than six', () => {
    expect(warnings(short)).toEqual([
      'The secrets of these admins have fewer than 6 characters, and programs on this machine, or clients of a proxy, can try to guess them: x. Make longer ones, for example with openssl rand -hex 24.',
    ])
  })
})
