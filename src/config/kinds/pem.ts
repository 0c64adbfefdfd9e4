import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { attempt } from '../../lib/attempt.js'
import { inFile } from '../setting-file.js'

export function certificatesIn(text: string) {
  const texts = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const [first, ...chain] = attempt(() => texts.map(pem => new X509Certificate(pem))) ?? []
  return first && { first, chain, text: texts.join('\n') }
}

export const noCertificate = 'names a file that is not a PEM file of certificates'

export const certificatesFile = inFile(
  (text, report): string | undefined => certificatesIn(text)?.text ?? report(noCertificate),
)

export function keyIn(text: string, passphrase?: string): KeyObject | undefined {
  return attempt(() => createPrivateKey({ key: text, format: 'pem', ...(passphrase !== undefined && { passphrase }) }))
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
