import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { attempt } from '../../lib/attempt.js'
import { inFile } from '../setting-file.js'
import type { Kind } from './kinds.js'

export function certificatesIn(text: string) {
  const texts = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const [first, ...chain] = attempt(() => texts.map(pem => new X509Certificate(pem))) ?? []
  return first && { first, chain, text: texts.join('\n') }
}

const pemFile = <T>(read: (text: string) => T | undefined, content: string) =>
  inFile((text, report): T | undefined => read(text) ?? report(`names a file that is not a PEM file of ${content}`))

export const certificatesFile = pemFile(text => certificatesIn(text)?.text, 'certificates')

export const privateKeyFile = pemFile(text => keyIn(text), 'a private key')

const dhParametersFile = inFile((text, report): string | undefined => {
  // Node would ignore other parameters, such as `X9.42 DH PARAMETERS` in Node 24.
  const isNamed = text.includes('-----BEGIN DH PARAMETERS-----')
  if (isNamed && attempt(() => createSecureContext({ dhparam: text })) !== undefined) return text
  return report('names a file without DH PARAMETERS of at least 1024 bits, as `openssl dhparam 2048` makes them')
})

export const dhParameters: Kind<string> = (text, report) => (text === 'auto' ? text : dhParametersFile(text, report))

export function keyIn(text: string, passphrase?: string): KeyObject | undefined {
  return attempt(() => createPrivateKey({ key: text, format: 'pem', ...(passphrase !== undefined && { passphrase }) }))
}

/** Undefined if the text has no public key, or anything else, such as a private key. */
export function publicKeysIn(text: string): readonly JsonWebKey[] | undefined {
  const begin = '-----BEGIN '
  const blocks = text.split(begin).slice(1)
  if (!blocks.every(block => /^(?:RSA )?PUBLIC KEY-----/.test(block))) return undefined
  return attempt(() => blocks.map(block => createPublicKey(begin + block).export({ format: 'jwk' })))
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
