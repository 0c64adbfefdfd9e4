import type { ProblemCode } from '../errors.js'
import { sasl2Namespace, saslNamespace } from '../namespaces.js'
import { childrenOf } from '../xml/children.js'
import type { Element } from '../xml/element.js'

/** The code of a login that the server refuses with this element (RFC 6120 §6.5); undefined where it does not. */
export function refusedLogin({ name, namespace, text }: Element): ProblemCode | undefined {
  if (name !== 'failure' || (namespace !== saslNamespace && namespace !== sasl2Namespace)) return undefined
  // SASL2 has the conditions of SASL (XEP-0388 §2.6.2).
  const isRefused = childrenOf(text).some(child => child.name === 'not-authorized')
  return isRefused ? 'not-authorized' : 'login-failed'
}
