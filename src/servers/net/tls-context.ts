import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import type { Trust } from '../../config/config.js'

type Trusted = Pick<Trust, 'ca'> & Partial<Pick<Trust, 'certificate'>>

const contexts = new WeakMap<object, SecureContext>()

export function tlsContext(server: Trusted, showsCertificate = false): SecureContext {
  const own = showsCertificate ? server.certificate : undefined
  const key = own ?? server
  let context = contexts.get(key)
  if (context === undefined) {
    context = createSecureContext({
      ...(server.ca === undefined ? {} : { ca: [...rootCertificates, server.ca] }),
      ...own,
    })
    contexts.set(key, context)
  }
  return context
}
