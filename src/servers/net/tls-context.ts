import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import type { Config, Trust } from '../../config/config.js'

export type TlsRules = Config['tls']

type Trusted = Pick<Trust, 'ca'> & Partial<Pick<Trust, 'certificate'>>

const contexts = new WeakMap<object, SecureContext>()

export function tlsContext(server: Trusted, rules: TlsRules, showsCertificate = false): SecureContext {
  const own = showsCertificate ? server.certificate : undefined
  const key = own ?? server
  let context = contexts.get(key)
  if (context === undefined) {
    context = createSecureContext({
      minVersion: rules.minVersion,
      ...(rules.ciphers === undefined ? {} : { ciphers: rules.ciphers }),
      ...(server.ca === undefined ? {} : { ca: [...rootCertificates, server.ca] }),
      ...own,
    })
    contexts.set(key, context)
  }
  return context
}
