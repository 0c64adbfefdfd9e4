import { type KeyObject, X509Certificate } from 'node:crypto'

/** The certificates of a PEM text. Empty if one cannot be read. */
export function certificatesIn(text: string): { readonly pem: string; readonly x509: X509Certificate }[] {
  const texts = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    return texts.map(pem => ({ pem, x509: new X509Certificate(pem) }))
  } catch {
    return []
  }
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
