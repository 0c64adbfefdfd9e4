import { startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'

const stanzaErrors = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/**
 * The answer to a stanza that never reached its client, as if the server had found out itself (XEP-0206 §7).
 * Undefined for presence, errors and results: they get no answer.
 */
export function bounce({ name, namespace, text }: Element): Element | undefined {
  if (namespace !== 'jabber:client') return undefined
  const tag = startTagOf(text)
  const condition = conditionFor(name, tag.attribute('type'))
  if (condition === undefined) return undefined
  const attribute = (key: string, value: string | undefined) =>
    value === undefined ? '' : ` ${key}='${escapeXml(value)}'`
  const answer =
    `<${name} xmlns='jabber:client' type='error'${attribute('to', tag.attribute('from'))}${attribute('id', tag.attribute('id'))}>` +
    `<error type='${condition === 'recipient-unavailable' ? 'wait' : 'cancel'}'>` +
    `<${condition} xmlns='${stanzaErrors}'/></error></${name}>`
  return { name, namespace, text: answer }
}

function conditionFor(name: string, type: string | undefined): string | undefined {
  if (name === 'iq') return type === 'get' || type === 'set' ? 'service-unavailable' : undefined
  return name === 'message' && type !== 'error' ? 'recipient-unavailable' : undefined
}
