import { type Jid, parseJid } from '../../xmpp/jid/jid.js'
import { stanzaErrorNamespace } from '../../xmpp/namespaces.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import type { Root } from '../../xmpp/xml/root.js'

export const domain = 'localhost' as const

/** An address of this server or of its users. */
export function readAddress(text: string): Jid | undefined {
  const jid = text === domain ? { local: '', domain, resource: undefined } : parseJid(text)
  return jid?.domain === domain ? jid : undefined
}

export interface Stanza {
  readonly name: 'message' | 'presence' | 'iq'
  readonly text: string
  readonly start: Root
  readonly to: string | undefined
  readonly type: string | undefined
}

export function readStanza({ name, text }: Element): Stanza | undefined {
  if (name !== 'message' && name !== 'presence' && name !== 'iq') return undefined
  const start = startTagOf(text)
  return { name, text, start, to: start.attribute('to'), type: start.attribute('type') }
}

/** Replaces `from` and `to` (RFC 6120 §8.1.2.1). */
export function readdress({ text, start }: Stanza, from: string, to: string): string {
  const tag = /^<(?:[^>"']+|"[^"]*"|'[^']*')*>/.exec(text)![0]
  const kept = start.names.flatMap((name, index) =>
    name === 'from' || name === 'to' ? [] : ` ${name}='${escapeXml(start.values[index]!)}'`,
  )
  const end = tag.endsWith('/>') ? '/>' : '>'
  return `<${start.qualifiedName}${kept.join('')}${addressing(from, to)}${end}${text.slice(tag.length)}`
}

/** RFC 6120 §8.3. */
export function errorReply(stanza: Stanza, from: string, to: string): string {
  const error = `<error type='cancel'><service-unavailable xmlns='${stanzaErrorNamespace}'/></error>`
  return reply(stanza, 'error', error, from, to)
}

export function reply(
  { name, start }: Stanza,
  type: 'result' | 'error',
  payload: string,
  from: string,
  to: string,
): string {
  const id = start.attribute('id')
  const about = id === undefined ? '' : ` id='${escapeXml(id)}'`
  return `<${name} type='${type}'${about}${addressing(from, to)}>${payload}</${name}>`
}

const addressing = (from: string, to: string) => ` from='${escapeXml(from)}' to='${escapeXml(to)}'`

export function titleOf(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
