import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** The certificates in a PEM file and nothing else of it: a key that stands beside them is not ours to keep. */
export function readCertificates(file: string): string | undefined {
  try {
    return certificatesIn(readFileSync(file, 'latin1'))
  } catch {
    return undefined
  }
}

/** The same of a file's text; undefined where there are none. Throws where one cannot be read. */
export function certificatesIn(text: string): string | undefined {
  const certificates = textsIn(text)
  for (const certificate of certificates) new X509Certificate(certificate)
  return certificates.length > 0 ? certificates.join('\n') : undefined
}

/** Each of the certificates in a text. Throws where one cannot be read. */
export function splitCertificates(text: string): X509Certificate[] {
  return textsIn(text).map(certificate => new X509Certificate(certificate))
}

function textsIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}
