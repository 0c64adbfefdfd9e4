import { sasl2Namespace, saslNamespace, tlsNamespace } from '../namespaces.js'
import { writeSaslFailure } from '../sasl-failure.js'
import { startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'

const compressNamespace = 'http://jabber.org/protocol/compress'

/** What a client sends in one go, looked at once. */
export interface Payload {
  readonly elements: readonly Element[]
  /** In UTF-16 units. */
  readonly size: number
  /** Why it must not go to the server. */
  readonly fault: 'bad-request' | 'policy-violation' | undefined
  /** What the client hears unless its channel is encrypted, since a password is in it (RFC 4616); undefined where none is. */
  readonly plainRefusal: Element | undefined
}

/** Longest stanza that goes to the server, in bytes: what common servers take (RFC 6120 §13.12). */
const maxStanzaBytes = 262_144

const nothing: Payload = { elements: [], size: 0, fault: undefined, plainRefusal: undefined }

export function inspect(elements: readonly Element[]): Payload {
  if (elements.length === 0) return nothing
  let size = 0
  let fault: Payload['fault']
  let plainRefusal: Element | undefined
  for (const { name, namespace, text } of elements) {
    size += text.length
    if (text.length * 3 > maxStanzaBytes && Buffer.byteLength(text) > maxStanzaBytes)
      fault ??= 'policy-violation'
    // TLS and compression are between this service and the server (XEP-0206 §2).
    if (name === 'starttls' && namespace === tlsNamespace) fault = 'bad-request'
    if (name === 'compress' && namespace === compressNamespace) fault = 'bad-request'
    const isLogin =
      (name === 'auth' && namespace === saslNamespace) ||
      (name === 'authenticate' && namespace === sasl2Namespace)
    if (isLogin && startTagOf(text).attribute('mechanism') === 'PLAIN')
      plainRefusal = encryptionRequired(namespace)
  }
  return { elements, size, fault, plainRefusal }
}

/** What a client hears that logs in with PLAIN over a channel that is not encrypted (RFC 6120 §6.5.4). */
function encryptionRequired(namespace: string): Element {
  return { name: 'failure', namespace, text: writeSaslFailure(namespace, 'encryption-required') }
}
