import type { ProblemCode } from '../errors.js'
import { saslNamespace } from '../namespaces.js'
import type { Element } from '../xml/scanner.js'

const failures = new Set([saslNamespace, 'urn:xmpp:sasl:2'])

/** The code of a login that the server refuses with this element (RFC 6120 §6.5); undefined where it does not. */
export function refusedLogin({ name, namespace, text }: Element): ProblemCode | undefined {
  if (name !== 'failure' || !failures.has(namespace)) return undefined
  return text.includes('<not-authorized') ? 'not-authorized' : 'login-failed'
}
