import { saslNamespace, tlsNamespace } from '../namespaces.js'
import { startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'

/** The size of a payload, in UTF-16 units. */
export function sizeOf(payload: readonly Element[]): number {
  let size = 0
  for (const { text } of payload) size += text.length
  return size
}

/** Longest stanza that goes to the server, in bytes: what common servers take (RFC 6120 §13.12). */
const maxStanzaBytes = 262_144

export function isTooLarge(payload: readonly Element[]): boolean {
  return payload.some(
    ({ text }) => text.length * 3 > maxStanzaBytes && Buffer.byteLength(text) > maxStanzaBytes,
  )
}

/** TLS and compression are between this service and the server (XEP-0206 §2). */
export function negotiatesTransport(payload: readonly Element[]): boolean {
  return payload.some(
    ({ name, namespace }) =>
      (name === 'starttls' && namespace === tlsNamespace) ||
      (name === 'compress' && namespace === 'http://jabber.org/protocol/compress'),
  )
}

/** Whether a password travels in it in the clear (RFC 4616). */
export function revealsPassword(payload: readonly Element[]): boolean {
  return payload.some(
    ({ name, namespace, text }) =>
      name === 'auth' && namespace === saslNamespace && startTagOf(text).attribute('mechanism') === 'PLAIN',
  )
}

/** What a client hears that logs in with PLAIN over a channel that is not encrypted (RFC 6120 §6.5.4). */
export const encryptionRequired: Element = {
  name: 'failure',
  namespace: saslNamespace,
  text: `<failure xmlns='${saslNamespace}'><encryption-required/></failure>`,
}
