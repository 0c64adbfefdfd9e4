import { sasl2Namespace, saslNamespace } from './namespaces.js'

/** A failure in the client's own protocol (RFC 6120 §6.4.5, XEP-0388 §2.6.3). */
export function writeSaslFailure(namespace: string, condition: string): string {
  const reason = namespace === sasl2Namespace ? `<${condition} xmlns='${saslNamespace}'/>` : `<${condition}/>`
  return `<failure xmlns='${namespace}'>${reason}</failure>`
}
