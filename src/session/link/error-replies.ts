import { stanzaErrorNamespace } from '../../xmpp/namespaces.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'

export function errorToSender(stanza: Element): Element | undefined {
  const { name } = stanza
  const error =
    name === 'iq' ? writeError('cancel', 'service-unavailable') : writeError('wait', 'recipient-unavailable')
  return errorReply(stanza, error)
}

/** RFC 6120 §8.3.3.17. */
export function errorToClient(stanza: Element, jid: string): Element | undefined {
  return errorReply(stanza, writeError('wait', 'remote-server-timeout'), jid)
}

const tooLarge = 'The connection manager does not pass on stanzas that are larger than 4 MiB or not well-formed.'

/**
 * RFC 6120 §8.3.3.12. The stanza was dropped. A stanza to the bare JID gets no error: an offline user would send none, and
 * the server adds the full JID as its `from`, so that anybody could learn both (RFC 6121 §8.5.2). A room would
 * remove an occupant that answers with an error.
 */
export function refusalToSender(stanza: Element): Element | undefined {
  const tag = startTagOf(stanza.text)
  if (tag.attribute('to')?.includes('/') === false) return undefined
  const type = stanza.name === 'message' ? tag.attribute('type') : undefined
  if (type === 'groupchat' || type === 'headline') return undefined
  return errorReply(stanza, writeError('modify', 'policy-violation', tooLarge))
}

/** For a client that waits for a dropped answer. */
export function errorForAnswer({ name, namespace, text }: Element): Element | undefined {
  if (name !== 'iq' || namespace !== 'jabber:client') return undefined
  const tag = startTagOf(text)
  const type = tag.attribute('type')
  if (type !== 'result' && type !== 'error') return undefined
  const attributes = ['from', 'to', 'id'].map(key => attribute(key, tag.attribute(key))).join('')
  const error = writeError('cancel', 'policy-violation', tooLarge)
  return { name, namespace, text: `<iq xmlns='jabber:client' type='error'${attributes}>${error}</iq>` }
}

function writeError(type: 'cancel' | 'wait' | 'modify', condition: string, sentence?: string): string {
  const text = sentence === undefined ? '' : `<text xmlns='${stanzaErrorNamespace}'>${sentence}</text>`
  return `<error type='${type}'><${condition} xmlns='${stanzaErrorNamespace}'/>${text}</error>`
}

/** `client`: the JID of the stanza's sender, if this is the client. */
function errorReply({ name, namespace, text }: Element, error: string, client?: string): Element | undefined {
  if (namespace !== 'jabber:client') return undefined
  const tag = startTagOf(text)
  const type = tag.attribute('type')
  const isAnswered = name === 'iq' ? type === 'get' || type === 'set' : name === 'message' && type !== 'error'
  if (!isAnswered) return undefined
  const [to, from] = client === undefined ? [tag.attribute('from')] : [client, tag.attribute('to')]
  const attributes = attribute('to', to) + attribute('from', from) + attribute('id', tag.attribute('id'))
  const reply = `<${name} xmlns='jabber:client' type='error'${attributes}>${error}</${name}>`
  return { name, namespace, text: reply, isOurs: true }
}
