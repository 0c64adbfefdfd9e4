import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import type { Config, Trust } from '../../config/config.js'

export type TlsRules = Config['tls']

type Trusted = Pick<Trust, 'ca'> & Partial<Pick<Trust, 'certificate'>>

/** Contexts are costly: each server has one, and one with the operator's certificate. */
const contexts = new WeakMap<object, SecureContext>()

export function tlsContext(server: Trusted, rules: TlsRules, showsCertificate = false): SecureContext {
  const own = showsCertificate ? server.certificate : undefined
  let context = contexts.get(own ?? server)
  if (context === undefined) {
    context = createSecureContext({
      minVersion: rules.minVersion,
      ...(rules.ciphers === undefined ? {} : { ciphers: rules.ciphers }),
      ...(server.ca === undefined ? {} : { ca: [...rootCertificates, server.ca] }),
      ...own,
    })
    contexts.set(own ?? server, context)
  }
  return context
}
