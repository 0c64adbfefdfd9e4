import { stanzaErrorNamespace } from '../xmpp/namespaces.js'
import { startTagOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { attribute } from '../xmpp/xml/escape.js'

/** The server's answer to an undelivered stanza (XEP-0206 §7). */
export function bounce({ name, namespace, text }: Element): Element | undefined {
  if (namespace !== 'jabber:client') return undefined
  const tag = startTagOf(text)
  const condition = conditionFor(name, tag.attribute('type'))
  if (condition === undefined) return undefined
  const addressing = attribute('to', tag.attribute('from')) + attribute('id', tag.attribute('id'))
  const answer =
    `<${name} xmlns='jabber:client' type='error'${addressing}>` +
    `<error type='${condition === 'recipient-unavailable' ? 'wait' : 'cancel'}'>` +
    `<${condition} xmlns='${stanzaErrorNamespace}'/></error></${name}>`
  return { name, namespace, text: answer }
}

function conditionFor(name: string, type: string | undefined): string | undefined {
  if (name === 'iq') return type === 'get' || type === 'set' ? 'service-unavailable' : undefined
  return name === 'message' && type !== 'error' ? 'recipient-unavailable' : undefined
}

/** Returns a stanza to the page that sent it (RFC 6120 §8.3.3.16). */
export function notConfirmed({ name, namespace, text }: Element, jid: string): Element | undefined {
  const tag = startTagOf(text)
  const type = tag.attribute('type')
  const isAnswered = name === 'iq' ? type === 'get' || type === 'set' : name === 'message' && type !== 'error'
  if (!isAnswered) return undefined
  const addressing =
    attribute('to', jid) + attribute('from', tag.attribute('to')) + attribute('id', tag.attribute('id'))
  const error = `<error type='wait'><remote-server-timeout xmlns='${stanzaErrorNamespace}'/></error>`
  return { name, namespace, text: `<${name} xmlns='jabber:client' type='error'${addressing}>${error}</${name}>` }
}
