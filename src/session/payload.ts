import { isLoginRequest, tlsNamespace } from '../xmpp/namespaces.js'
import { writeFailed } from '../xmpp/stanza-counts.js'
import { writeSaslFailure } from '../xmpp/stream-errors.js'
import { startTagOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { isManagement } from './logins/resumable-streams.js'
import { showsSecret } from './logins/visible-features.js'
import type { CommonParts } from './session-keeper.js'

const compressNamespace = 'http://jabber.org/protocol/compress'

export interface Payload {
  readonly elements: readonly Element[]
  readonly bytes: number
  readonly fault: 'bad-request' | 'policy-violation' | undefined
  /** Refuses a login with a readable secret, such as PLAIN. Sent if `allowsPasswords` of the session is false. */
  readonly clearRefusal: Element | undefined
}

const nothing: Payload = { elements: [], bytes: 0, fault: undefined, clearRefusal: undefined }

type StanzaLimit = Pick<CommonParts, 'maxStanzaBytes' | 'refused'>

export function inspect(elements: readonly Element[], { maxStanzaBytes, refused }: StanzaLimit): Payload {
  if (elements.length === 0) return nothing
  let bytes = 0
  let fault: Payload['fault']
  let clearRefusal: Element | undefined
  for (const { name, namespace, text } of elements) {
    const length = Buffer.byteLength(text)
    bytes += length
    if (length > maxStanzaBytes) {
      fault ??= 'policy-violation'
      refused('stanza')
    }
    // Clients must not negotiate TLS or compression (XEP-0206 §2, §4).
    if (name === 'starttls' && namespace === tlsNamespace) fault = 'bad-request'
    if (name === 'compress' && namespace === compressNamespace) fault = 'bad-request'
    if (isLoginRequest(name, namespace) && showsSecret(startTagOf(text).attribute('mechanism') ?? ''))
      // RFC 6120 §6.5.4.
      clearRefusal = { name: 'failure', namespace, text: writeSaslFailure(namespace, 'encryption-required') }
  }
  return { elements, bytes, fault, clearRefusal }
}

/** Refuses stream management by the client: the service counts the stanzas. */
export function withoutManagement(payload: Payload, outbox: { add(answer: Element): void }): Payload {
  if (!payload.elements.some(isManagement)) return payload
  const elements = payload.elements.filter(element => !isManagement(element))
  for (const { namespace } of payload.elements.filter(isManagement)) {
    outbox.add({ name: 'failed', namespace, text: writeFailed('unexpected-request', namespace) })
  }
  return { ...payload, elements }
}
