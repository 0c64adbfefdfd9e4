import { saslNamespace, tlsNamespace } from '../namespaces.js'
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
  /** Whether a password is in it unencrypted (RFC 4616). */
  readonly revealsPassword: boolean
}

/** Longest stanza that goes to the server, in bytes: what common servers take (RFC 6120 §13.12). */
const maxStanzaBytes = 262_144

const nothing: Payload = { elements: [], size: 0, fault: undefined, revealsPassword: false }

export function inspect(elements: readonly Element[]): Payload {
  if (elements.length === 0) return nothing
  let size = 0
  let fault: Payload['fault']
  let revealsPassword = false
  for (const { name, namespace, text } of elements) {
    size += text.length
    if (text.length * 3 > maxStanzaBytes && Buffer.byteLength(text) > maxStanzaBytes)
      fault ??= 'policy-violation'
    // TLS and compression are between this service and the server (XEP-0206 §2).
    if (name === 'starttls' && namespace === tlsNamespace) fault = 'bad-request'
    if (name === 'compress' && namespace === compressNamespace) fault = 'bad-request'
    if (name === 'auth' && namespace === saslNamespace && startTagOf(text).attribute('mechanism') === 'PLAIN')
      revealsPassword = true
  }
  return { elements, size, fault, revealsPassword }
}

/** What a client hears that logs in with PLAIN over a channel that is not encrypted (RFC 6120 §6.5.4). */
export const encryptionRequired: Element = {
  name: 'failure',
  namespace: saslNamespace,
  text: `<failure xmlns='${saslNamespace}'><encryption-required/></failure>`,
}
