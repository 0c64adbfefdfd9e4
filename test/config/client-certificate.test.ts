import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { makeCertificate } from '../support/certificates.js'
import { load as loadAll, problems } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { folder, file } = testFolder()

const made = makeCertificate(['DNS:warm-bindings'])
const [cert, key] = [made.cert.trim(), made.key]

const certFile = file('cert.pem', cert)
const keyFile = file('key.pem', key)

const load = (options: string) =>
  loadAll({ XMPP_SERVERS: `example.org=xmpp://localhost?${options}` }).config.servers.get('example.org')

const problemsWith = (options: string) => problems({ XMPP_SERVERS: `example.org=xmpp://localhost?${options}` })

describe('the certificate that the service shows to a server', () => {
  test.each([
    ['the certificate first', `${cert}\n${key}`, cert],
    ['the key first', `${key}${cert}\n`, cert],
    ['a chain behind it', `${cert}\n${cert}\n${key}`, `${cert}\n${cert}`],
  ])('and its key may be in one file, with escapes in its name: %s', (what, text, certificates) => {
    const path = file(`${what} + a,b & c.pem`, text)
    expect(load(`cert=${encodeURIComponent(path)}`)?.certificate).toMatchObject({ cert: certificates, key })
  })

  test('may have its key in a file of its own, also in an older format', () => {
    const older = createPrivateKey(key).export({ type: 'sec1', format: 'pem' }).toString()
    // OpenSSL writes the parameters of the curve before such a key.
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    for (const named of [keyFile, file('older.pem', parameters + older)])
      expect(load(`cert=${certFile}&key=${named}`)?.certificate).toMatchObject({ cert, key })
  })

  const unreadable = 'has cert, which names a file that is not a PEM file of certificates'
  const unreadableKey = 'has key, which names a file that is not a PEM file of a private key'
  const locked = createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()

  test.each([
    ['no such file', 'cert=/nowhere/cert.pem', 'has cert, which names a file that cannot be read (ENOENT)'],
    ['a folder', `cert=${folder}`, 'has cert, which names a file that cannot be read (EISDIR)'],
    ['a file that has only a key', `cert=${keyFile}`, unreadable],
    ['a certificate file without a key', `cert=${certFile}`, unreadableKey],
    ['a key without a certificate', `key=${keyFile}`, 'has a key without a cert'],
    ['no such key', `cert=${certFile}&key=/nowhere`, 'has key, which names a file that cannot be read (ENOENT)'],
    ['an encrypted key', `cert=${certFile}&key=${file('locked.pem', locked)}`, unreadableKey],
    ['a foreign key', `cert=${certFile}&key=${file('foreign.pem', foreign)}`, 'has a key that does not belong to its'],
    ['no TLS', `tls=none&cert=${certFile}&key=${keyFile}`, 'has ca, verify, cert or key beside tls=none'],
  ])('cannot be configured with %s', (_what, options, problem) => {
    expect(problemsWith(options)).toEqual([expect.stringContaining(`XMPP_SERVERS for example.org ${problem}`)])
  })
})
