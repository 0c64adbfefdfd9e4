import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { signatureHash } from '../../../src/servers/c2s/signature-hash.js'
import { testFolder } from '../../support/test-folder.js'

const { file } = testFolder()

const keyFile = ({ privateKey }: { readonly privateKey: KeyObject }): string =>
  file(`${privateKey.asymmetricKeyType}.pem`, String(privateKey.export({ type: 'pkcs8', format: 'pem' })))

const rsa = keyFile(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const ec = keyFile(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }))
const ed25519 = keyFile(generateKeyPairSync('ed25519'))
const pss = ['-sigopt', 'rsa_padding_mode:pss']

function certificate(key: string, ...signing: string[]): Buffer {
  const args = ['req', '-x509', '-key', key, '-subj', '/CN=test', '-days', '2', ...signing]
  return new X509Certificate(execFileSync('openssl', args, { stdio: 'pipe' })).raw
}

test.each([
  ['RSA with SHA-256', 'sha256', rsa, ['-sha256']],
  ['RSA with SHA-224', 'sha224', rsa, ['-sha224']],
  ['RSA with SHA-384', 'sha384', rsa, ['-sha384']],
  ['RSA with SHA-512', 'sha512', rsa, ['-sha512']],
  ['ECDSA with SHA-224', 'sha224', ec, ['-sha224']],
  ['ECDSA with SHA-256', 'sha256', ec, ['-sha256']],
  ['ECDSA with SHA-384', 'sha384', ec, ['-sha384']],
  ['ECDSA with SHA-512', 'sha512', ec, ['-sha512']],
  ['RSASSA-PSS with SHA-256', 'sha256', rsa, ['-sha256', ...pss]],
  ['RSASSA-PSS with SHA-384', 'sha384', rsa, ['-sha384', ...pss]],
  ['RSASSA-PSS with SHA-512', 'sha512', rsa, ['-sha512', ...pss]],
  ['RSA with SHA-1, which is broken', 'sha256', rsa, ['-sha1']],
  ['RSA with MD5, which is broken', 'sha256', rsa, ['-md5']],
  ['ECDSA with SHA-1', 'sha256', ec, ['-sha1']],
  ['RSASSA-PSS with SHA-1, its default', 'sha256', rsa, ['-sha1', ...pss]],
])(
  'for tls-server-end-point, a certificate is hashed with the hash of its signature, or a safe one: %s',
  (_what, ...about) => {
    const [hash, key, signing] = about
    expect(signatureHash(certificate(key, ...signing))).toBe(hash)
  },
)

test('a certificate with an Ed25519 signature has no hash', () => {
  expect(signatureHash(certificate(ed25519))).toBeUndefined()
})

test('bytes that are no certificate have no hash', () => {
  const whole = certificate(ec, '-sha256')
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from([0x30]),
    Buffer.from('not a certificate'),
    Buffer.from([0x30, 0x80, 0, 0]),
    Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
    whole.subarray(0, whole.length / 2),
  ])
    expect(signatureHash(bytes)).toBeUndefined()
})
