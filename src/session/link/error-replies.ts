import { stanzaErrorNamespace } from '../../xmpp/namespaces.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { Root } from '../../xmpp/xml/root.js'

export function errorToSender(stanza: Element): Element | undefined {
  const { name } = stanza
  const error =
    name === 'iq' ? writeError('cancel', 'service-unavailable') : writeError('wait', 'recipient-unavailable')
  return errorReply(stanza, error, tag => attribute('to', tag.attribute('from')))
}

/** RFC 6120 §8.3.3.17. */
export function errorToClient(stanza: Element, jid: string): Element | undefined {
  const error = writeError('wait', 'remote-server-timeout')
  return errorReply(stanza, error, tag => attribute('to', jid) + attribute('from', tag.attribute('to')))
}

function writeError(type: 'cancel' | 'wait', condition: string): string {
  return `<error type='${type}'><${condition} xmlns='${stanzaErrorNamespace}'/></error>`
}

function errorReply(
  { name, namespace, text }: Element,
  error: string,
  addressing: (tag: Root) => string,
): Element | undefined {
  if (namespace !== 'jabber:client') return undefined
  const tag = startTagOf(text)
  const type = tag.attribute('type')
  const isAnswered = name === 'iq' ? type === 'get' || type === 'set' : name === 'message' && type !== 'error'
  if (!isAnswered) return undefined
  const attributes = addressing(tag) + attribute('id', tag.attribute('id'))
  return { name, namespace, text: `<${name} xmlns='jabber:client' type='error'${attributes}>${error}</${name}>` }
}
