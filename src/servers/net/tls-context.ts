import { constants } from 'node:crypto'
import { createSecureContext, DEFAULT_CIPHERS, rootCertificates, type SecureContext } from 'node:tls'
import type { Trust } from '../../config/config.js'

type Trusted = Pick<Trust, 'ca'> & Partial<Pick<Trust, 'certificate'>>

const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number)
const offersLargeGroups = major < 3 || (major === 3 && minor < 5)

/**
 * Without DHE, where the server chooses the modulus: with one of 10,000 bits, a handshake takes a second of CPU. TLS 1.3
 * has named groups: with ffdhe8192, which OpenSSL offered before 3.5, it takes 0.2 s.
 */
export const handshake = {
  ciphers: `${DEFAULT_CIPHERS}:!DHE`,
  // A server could show another certificate each time, at 50 ms of CPU, and none of these would be checked.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  ecdhCurve: offersLargeGroups ? 'X25519:P-256:X448:P-521:P-384' : 'auto',
}

const contexts = new WeakMap<object, SecureContext>()

export function tlsContext(server: Trusted, showsCertificate = false): SecureContext {
  const own = showsCertificate ? server.certificate : undefined
  const key = own ?? server
  let context = contexts.get(key)
  if (context === undefined) {
    context = createSecureContext({
      ...handshake,
      ...(server.ca === undefined ? {} : { ca: [...rootCertificates, server.ca] }),
      ...own,
    })
    contexts.set(key, context)
  }
  return context
}
