import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { load as loadAll, problems } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { folder, file } = testFolder()

// Made for these tests, like its key.
const cert = `-----BEGIN CERTIFICATE-----
MIIBiDCCAS2gAwIBAgIURQeBtsPEO/Z43KsaqF/ZRJVjFI0wCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNd2FybS1iaW5kaW5nczAgFw0yNjExMjAxMDM3MjhaGA8yMTI2
MTAyNzEwMzcyOFowGDEWMBQGA1UEAwwNd2FybS1iaW5kaW5nczBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABCcLrmvwj/80r3hpWzniK7ryTjegpAMjoHf87ENBAqJJ
YL5uAHRvDHEJpfYOnpLyJ7ds0BXBZHnGBQ0lmdzhFDKjUzBRMB0GA1UdDgQWBBSU
JIKU6K95sW61LRktxE9BS5xuTjAfBgNVHSMEGDAWgBSUJIKU6K95sW61LRktxE9B
S5xuTjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCAzem+CpVg
SO346CU18JmCTapF4ioV2Fu+3yH+0ZYxCwIhAKmGrhWZ//zHw4LorCU7E8kHRTZw
JG2kkp/r+oUE1rbS
-----END CERTIFICATE-----`
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQga1L7mmT7SkWOYI81
naDk5hQKbii5k4RzvRaopw7O/gChRANCAAQnC65r8I//NK94aVs54iu68k43oKQD
I6B3/OxDQQKiSWC+bgB0bwxxCaX2Dp6S8ie3bNAVwWR5xgUNJZnc4RQy
-----END PRIVATE KEY-----
`

const certFile = file('cert.pem', cert)
const keyFile = file('key.pem', key)

const load = (options: string) =>
  loadAll({ XMPP_SERVERS: `example.org=xmpp://localhost?${options}` }).config.servers.get('example.org')

const problemsWith = (options: string) => problems({ XMPP_SERVERS: `example.org=xmpp://localhost?${options}` })

describe('the certificate that the service shows to a server', () => {
  test('is absent unless a certificate is named', () => {
    expect(load('verify=on')?.certificate).toBeUndefined()
  })

  test('certificate and key may be two files', () => {
    expect(load(`cert=${certFile}&key=${keyFile}`)?.certificate).toMatchObject({ cert, key })
  })

  test.each([
    ['the certificate first', `${cert}\n${key}`],
    ['the key first', `${key}${cert}\n`],
    ['a chain behind it', `${cert}\n${cert}\n${key}`],
  ])('and its key may be in one file, %s', (what, text) => {
    const path = file(`${what}.pem`, text)
    const certificates = what === 'a chain behind it' ? `${cert}\n${cert}` : cert
    expect(load(`cert=${encodeURIComponent(path)}`)?.certificate).toMatchObject({ cert: certificates, key })
  })

  test('may have a key in an older format', () => {
    const older = createPrivateKey(key).export({ type: 'sec1', format: 'pem' }).toString()
    // OpenSSL writes the parameters of the curve before such a key.
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    expect(load(`cert=${certFile}&key=${file('older.pem', parameters + older)}`)?.certificate?.key).toBe(key)
  })

  test('is named by files, with escapes in the names', () => {
    const path = file('a+b, c&d.pem', `${cert}\n${key}`)
    expect(load(`cert=${encodeURIComponent(path)}`)?.certificate?.key).toBe(key)
  })

  const unreadable = 'has cert, which names a file that is not a PEM file of certificates'
  const unreadableKey = 'has key, which names a file that is not a PEM file of a private key'
  const noKeyFile = 'has key, which names a file that cannot be read (ENOENT)'
  const locked = createPrivateKey(key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()

  test.each([
    ['no such file', 'cert=/nowhere/cert.pem', 'has cert, which names a file that cannot be read (ENOENT)'],
    ['an empty file name', 'cert=', 'has cert, which names a file that cannot be read (ENOENT)'],
    ['a folder', `cert=${folder}`, 'has cert, which names a file that cannot be read (EISDIR)'],
    ['a file that has only a key', `cert=${keyFile}`, unreadable],
    ['a certificate file without a key', `cert=${certFile}`, unreadableKey],
    ['a key without a certificate', `key=${keyFile}`, 'has a key without a cert'],
    ['no such key', `cert=${certFile}&key=/nowhere/key.pem`, noKeyFile],
    ['an empty name of a key file', `cert=${certFile}&key=`, noKeyFile],
    ['a key that is a certificate', `cert=${certFile}&key=${certFile}`, unreadableKey],
    ['an encrypted key', `cert=${certFile}&key=${file('locked.pem', locked)}`, unreadableKey],
    [
      'the key of another certificate',
      `cert=${certFile}&key=${file('foreign.pem', foreign)}`,
      'has a key that does not belong to its cert',
    ],
    [
      'no TLS to show it in',
      `tls=none&cert=${certFile}&key=${keyFile}`,
      'has ca, verify, cert or key beside tls=none, where there are no certificates',
    ],
  ])('cannot be configured with %s', (_what, options, problem) => {
    expect(problemsWith(options)).toEqual([`XMPP_SERVERS for example.org ${problem}`])
  })

  test('cannot be set for a BOSH endpoint', () => {
    expect(problems({ XMPP_SERVERS: `example.org=https://localhost/http-bind?cert=${certFile}` })).toEqual([
      'XMPP_SERVERS for example.org has an unknown option "cert"',
    ])
  })
})
