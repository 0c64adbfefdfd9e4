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
  ['RSA', rsa, [], ['sha224', 'sha256', 'sha384', 'sha512'], ['sha1', 'md5']],
  ['ECDSA', ec, [], ['sha224', 'sha256', 'sha384', 'sha512'], ['sha1']],
  ['RSASSA-PSS', rsa, pss, ['sha256', 'sha384', 'sha512'], ['sha1']],
])(
  'for tls-server-end-point, a certificate is hashed as it is signed, or safely: %s',
  (_what, key, more, good, broken) => {
    const hashOf = (signed: string) => signatureHash(certificate(key, `-${signed}`, ...more))
    for (const hash of good) expect(hashOf(hash)).toBe(hash)
    for (const hash of broken) expect([hash, hashOf(hash)]).toEqual([hash, 'sha256'])
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
