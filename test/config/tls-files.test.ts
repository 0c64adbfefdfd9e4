import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { load as loadAll, problemsOf } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const passphrase = 'öpen sesame'

const { folder, file: write } = testFolder()
const at = (name: string) => join(folder, name)

/** Loads the settings with an https port. `FOLDER` in a value is replaced by the folder of the test. */
function load(environment: Record<string, string>) {
  const values = Object.entries({ HTTPS_PORT: '8443', ...environment })
  return loadAll(Object.fromEntries(values.map(([name, value]) => [name, value.replaceAll('FOLDER', folder)])))
}

const problems = (environment: Record<string, string>) =>
  problemsOf(() => load(environment)).map(problem => problem.replaceAll(folder, 'FOLDER'))

const own = { TLS_CERT: 'FOLDER/own.crt' }
const forAll = { TLS_CLIENT_AUTH: 'all', TLS_CLIENT_CA: 'FOLDER/chain.pem' }

/** Of 512 bits. */
const weakParameters = `-----BEGIN DH PARAMETERS-----
MEYCQQD+G6ZnvKz1nc22IcNJDr5ZBE1+L3UpKVoES4cnqnVpOf/YpeG3NQ/Ffyvt
a2zfx/8VriySsUNLrDRERiChVCmPAgEC
-----END DH PARAMETERS-----
`

beforeAll(() => {
  const { cert, key } = makeCertificate(['DNS:chat.example.org'])
  const other = makeCertificate(['DNS:chat.example.net'])
  write('own.crt', cert)
  write('own.key', key)
  write('both.pem', `${cert}${other.cert}${key}`)
  write('other.pem', other.cert)
  write('other-key.pem', other.key)
  const old = makeCertificate(['DNS:chat.example.org'], { expired: true })
  write('old.pem', old.cert + old.key)
  write('old-and-new.pem', old.cert + cert)
  const authority = makeCertificate([], { commonName: 'authority' })
  const between = makeCertificate([], { commonName: 'between', issuer: authority })
  const issued = makeCertificate(['DNS:issued.example'], { commonName: 'issued', issuer: between })
  write('issued.crt', issued.cert)
  write('issued.key', issued.key)
  write('chain.pem', between.cert)
  write('authority.pem', authority.cert)
  for (const name of ['live/chat.example.org', 'pairs', 'unusable/a', 'empty']) mkdirSync(at(name), { recursive: true })
  write('live/README', 'Do not edit.')
  write('live/chat.example.org/fullchain.pem', cert)
  write('live/chat.example.org/cert.pem', cert)
  write('live/chat.example.org/chain.pem', authority.cert)
  write('live/chat.example.org/privkey.pem', key)
  write('unusable/a/fullchain.pem', cert)
  write('pairs/own.crt', cert)
  write('pairs/own.key', key)
  write('pairs/other.pem', other.cert)
  write('pairs/other-key.pem', other.key)
  write('no-certificate.pem', 'These are not the certificates you look for.')
  write('broken.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  write('passphrase', `${passphrase}\n`)
  for (const [name, ...options] of [
    ['pkcs8.key', 'pkcs8', '-topk8'],
    ['older.key', 'ec', '-aes256'],
  ]) {
    const openssl = [...options, '-in', at('own.key'), '-out', at(name!), '-passout', `pass:${passphrase}`]
    execFileSync('openssl', openssl, { stdio: 'pipe' })
  }
  const dh = ['genpkey', '-genparam', '-algorithm', 'DH']
  execFileSync('openssl', [...dh, '-pkeyopt', 'group:ffdhe2048', '-out', at('dh.pem')], { stdio: 'pipe' })
  write('weak-dh.pem', weakParameters)
  execFileSync('openssl', ['dhparam', '-dsaparam', '-out', at('x942.pem'), '1024'], { stdio: 'pipe' })
})

describe('the certificates of the HTTPS listener', () => {
  test.each([
    ['a key of its own', { TLS_CERT: 'FOLDER/own.crt', TLS_KEY: 'FOLDER/own.key' }],
    ['the key beside it', { TLS_CERT: 'FOLDER/own.crt' }],
    ['its chain in another file', { TLS_CERT: 'FOLDER/issued.crt', TLS_CHAIN: 'FOLDER/chain.pem' }],
    ['the key and the chain in one file', { TLS_CERT: 'FOLDER/both.pem' }],
    [
      'several certificates',
      { TLS_CERT: 'FOLDER/own.crt, FOLDER/other.pem', TLS_KEY: 'FOLDER/own.key,FOLDER/other-key.pem' },
    ],
    ['an encrypted key', { ...own, TLS_KEY: 'FOLDER/pkcs8.key', TLS_KEY_PASSPHRASE_FILE: 'FOLDER/passphrase' }],
    [
      'a key encrypted in the older way',
      { ...own, TLS_KEY: 'FOLDER/older.key', TLS_KEY_PASSPHRASE_FILE: 'FOLDER/passphrase' },
    ],
    ['a folder of certbot', { TLS_CERT: 'FOLDER/live' }],
    ['the folder of one name of certbot', { TLS_CERT: 'FOLDER/live/chat.example.org' }],
    ['a folder of certificates with keys beside them', { TLS_CERT: 'FOLDER/pairs' }],
    ['CAs of clients', { TLS_CERT: 'FOLDER/both.pem', ...forAll }],
    ['Diffie-Hellman parameters', { TLS_CERT: 'FOLDER/own.crt', TLS_DHPARAM: 'FOLDER/dh.pem' }],
  ])('may have %s', (_what, environment) => {
    expect(problems(environment)).toEqual([])
    expect(load(environment).warnings).toEqual([])
  })

  describe('cause a warning about an external URL', () => {
    const hostsWarned = (environment: Record<string, string>) =>
      load({ TLS_CERT: 'FOLDER/own.crt', ...environment }).warnings.map(
        warning =>
          /^TLS_CERT has no certificate for (\S+), the host of an external URL: browsers refuse/.exec(warning)?.[1],
      )
    beforeAll(() => {
      const names = makeCertificate(['DNS:*.example.org', 'DNS:example.com', 'IP:192.0.2.7'])
      write('names.pem', names.cert + names.key)
      const subject = makeCertificate([], { commonName: 'chat.example.org' })
      write('subject.pem', subject.cert + subject.key)
    })

    test.each<[string, Record<string, string>]>([
      ['its name', { EXTERNAL_URL: 'https://chat.example.org' }],
      ['its name in capitals, and a port', { EXTERNAL_URL: 'https://CHAT.example.org:8443' }],
      ['a wildcard for its name', { EXTERNAL_URL: 'https://chat.example.org', TLS_CERT: 'FOLDER/names.pem' }],
      ['its name among others', { EXTERNAL_URL: 'https://example.com', TLS_CERT: 'FOLDER/names.pem' }],
      ['its address', { EXTERNAL_URL: 'https://192.0.2.7', TLS_CERT: 'FOLDER/names.pem' }],
      ['its name in a further certificate', { EXTERNAL_URL: 'https://chat.example.net', TLS_CERT: 'FOLDER/pairs' }],
      ['another name, without https', { EXTERNAL_URL: 'http://chat.example.com' }],
      ['another name, for a proxy that shows a certificate', { EXTERNAL_URL: 'https://chat.example.com', ...forAll }],
    ])('not if a certificate has %s', (_what, environment) => {
      expect(hostsWarned(environment)).toEqual([])
    })

    test.each<[string, string, Record<string, string>]>([
      ['another name', 'chat.example.com', {}],
      ['the name only in its subject', 'chat.example.org', { TLS_CERT: 'FOLDER/subject.pem' }],
      ['a wildcard for another level', 'a.chat.example.org', { TLS_CERT: 'FOLDER/names.pem' }],
      ['another address', '192.0.2.8', { TLS_CERT: 'FOLDER/names.pem' }],
      ['the address only in a further certificate', '192.0.2.7', { TLS_CERT: 'FOLDER/both.pem,FOLDER/names.pem' }],
    ])('if no certificate fits: %s', (_what, host, environment) => {
      expect(hostsWarned({ EXTERNAL_URL: `https://${host}`, ...environment })).toEqual([host])
    })

    test('for each site', () => {
      const sites = 'a.example=example.org?url=https://a.example,b.example=example.org?url=https://chat.example.org'
      expect(hostsWarned({ HTTP_HOSTS: sites })).toEqual(['a.example'])
    })
  })

  test.each<[Record<string, string>, string]>([
    [{ TLS_CERT: '' }, 'TLS_CERT is required for HTTPS_PORT: name a PEM file'],
    [{ TLS_CERT: 'FOLDER/none.pem' }, 'TLS_CERT names FOLDER/none.pem, which cannot be read (ENOENT)'],
    [{ TLS_CERT: 'FOLDER/empty' }, 'TLS_CERT names the folder FOLDER/empty, which has no *.crt'],
    [{ TLS_CERT: 'FOLDER/unusable' }, 'which is unusable: TLS_KEY names FOLDER/unusable/a/privkey.pem'],
    [{ TLS_CERT: 'FOLDER/live', TLS_KEY: 'FOLDER/own.key' }, 'TLS_KEY and TLS_CHAIN must not be set, because TLS_CERT'],
    [{ TLS_CLIENT_AUTH: 'warm', TLS_CLIENT_CA: 'FOLDER/own.key' }, 'TLS_CLIENT_CA names a file that is not a PEM file'],
    [{ TLS_CLIENT_AUTH: 'warm' }, 'TLS_CLIENT_CA is required for TLS_CLIENT_AUTH'],
    [{ TLS_CLIENT_CA: 'FOLDER/own.crt' }, 'TLS_CLIENT_AUTH is off, but TLS_CLIENT_CA is set'],
    [{ ...forAll, HTTPS_PORT: 'off', TLS_CLIENT_CA: 'FOLDER/own.crt' }, 'TLS_CLIENT_AUTH needs HTTPS_PORT'],
    [{ TLS_CERT: 'FOLDER/no-certificate.pem' }, 'no-certificate.pem, which is not a PEM file of certificates'],
    [{ TLS_CERT: 'FOLDER/broken.pem' }, 'broken.pem, which is not a PEM file of certificates'],
    [{ TLS_CERT: 'FOLDER/other.pem' }, 'TLS_KEY is needed for FOLDER/other.pem: it does not contain a key'],
    [{ TLS_KEY: 'FOLDER/none.key' }, 'TLS_KEY names FOLDER/none.key, which cannot be read (ENOENT)'],
    [{ TLS_KEY: 'FOLDER/own.crt' }, 'TLS_KEY names FOLDER/own.crt, which is not a PEM file of a private key'],
    [{ TLS_KEY: 'FOLDER/other-key.pem' }, 'TLS_KEY has a key that does not belong to the first certificate'],
    [{ TLS_CERT: 'FOLDER/own.crt,FOLDER/other.pem', TLS_KEY: 'FOLDER/own.key' }, 'TLS_KEY must name one file for each'],
    [{ TLS_CERT: 'FOLDER/own.crt,FOLDER/a', TLS_CHAIN: 'FOLDER/chain.pem' }, 'TLS_CHAIN must name one file for each'],
    [{ TLS_CERT: 'FOLDER/issued.crt', TLS_CHAIN: 'FOLDER/none.pem' }, 'FOLDER/none.pem, which cannot be read (ENOENT)'],
    [
      { TLS_CERT: 'FOLDER/issued.crt', TLS_CHAIN: 'FOLDER/own.key' },
      'own.key, which is not a PEM file of certificates',
    ],
    [{ TLS_CERT: 'FOLDER/issued.crt', TLS_CHAIN: 'FOLDER/authority.pem' }, 'which does not contain the issuer of'],
    [{ TLS_KEY: 'FOLDER/pkcs8.key' }, 'TLS_KEY_PASSPHRASE_FILE is required'],
    [{ TLS_KEY: 'FOLDER/older.key', TLS_KEY_PASSPHRASE_FILE: 'FOLDER/own.crt' }, 'does not open FOLDER/older.key'],
    [{ TLS_DHPARAM: 'FOLDER/none' }, 'TLS_DHPARAM names a file that cannot be read (ENOENT)'],
    [{ TLS_DHPARAM: 'FOLDER/weak-dh.pem' }, 'names a file without DH PARAMETERS of at least 1024 bits'],
    [{ TLS_DHPARAM: 'FOLDER/x942.pem' }, 'names a file without DH PARAMETERS of at least 1024 bits'],
    [{ TLS_CIPHERS: 'ROT13' }, 'TLS_CIPHERS must be ciphers that OpenSSL knows, not "ROT13"'],
    [{ TLS_MIN_VERSION: '1.1' }, 'TLS_MIN_VERSION must be one of 1.2, 1.3, not "1.1"'],
  ])('stop the start with %j: %s', (environment, problem) => {
    expect(problems({ TLS_CERT: 'FOLDER/own.crt', ...environment })).toEqual([expect.stringContaining(problem)])
  })

  test('name the former setting of their passphrase', () => {
    const former = { ...own, TLS_KEY: 'FOLDER/pkcs8.key', TLS_KEY_PASSPHRASE: passphrase }
    expect(problems(former)).toEqual([
      expect.stringContaining('TLS_KEY_PASSPHRASE_FILE is required'),
      'TLS_KEY_PASSPHRASE is no longer a setting: CHANGELOG.md says what replaces it',
    ])
  })

  test('are checked despite other problems', () => {
    expect(problems({ TLS_DHPARAM: 'FOLDER/none' })).toEqual([
      expect.stringContaining('TLS_CERT is required for HTTPS_PORT'),
      'TLS_DHPARAM names a file that cannot be read (ENOENT)',
    ])
  })

  test('give a warning if they have expired', () => {
    expect(load({ TLS_CERT: 'FOLDER/old.pem' }).warnings).toEqual([
      `The certificate in ${at('old.pem')} has expired on Jan  2 00:00:00 2020 GMT.`,
    ])
  })

  test.each([
    ['old.pem', ['All CAs in TLS_CLIENT_CA have expired: no client certificate is accepted.']],
    ['old-and-new.pem', []],
  ])('give a warning if no CA of clients is valid any more: %s', (name, warnings) => {
    const environment = { TLS_CERT: 'FOLDER/own.crt', TLS_CLIENT_AUTH: 'all', TLS_CLIENT_CA: `FOLDER/${name}` }
    expect(load(environment).warnings).toEqual(warnings)
  })

  test('are used at port 8443 by default, and not at all if the port is off', () => {
    expect(load({ TLS_CERT: 'FOLDER/own.crt', HTTPS_PORT: '' }).config.https?.places).toEqual([
      { host: '127.0.0.1', port: 8443 },
    ])
    expect(load({ TLS_CERT: 'FOLDER/own.crt', HTTPS_PORT: 'off' }).config.https).toBeUndefined()
  })
})
