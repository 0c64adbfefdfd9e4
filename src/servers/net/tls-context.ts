import { createSecureContext, DEFAULT_CIPHERS, rootCertificates, type SecureContext } from 'node:tls'
import type { Trust } from '../../config/config.js'

type Trusted = Pick<Trust, 'ca'> & Partial<Pick<Trust, 'certificate'>>

/** Without DHE, where the server chooses the modulus: with one of 10,000 bits, a handshake takes a second of CPU. */
export const ciphers = `${DEFAULT_CIPHERS}:!DHE`

const contexts = new WeakMap<object, SecureContext>()

export function tlsContext(server: Trusted, showsCertificate = false): SecureContext {
  const own = showsCertificate ? server.certificate : undefined
  const key = own ?? server
  let context = contexts.get(key)
  if (context === undefined) {
    context = createSecureContext({
      ciphers,
      ...(server.ca === undefined ? {} : { ca: [...rootCertificates, server.ca] }),
      ...own,
    })
    contexts.set(key, context)
  }
  return context
}
