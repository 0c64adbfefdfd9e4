import { prepareDomain } from '../xmpp/jid/domains.js'
import { type Jid, parseJid } from '../xmpp/jid/jid.js'
import { stanzaErrorNamespace } from '../xmpp/namespaces.js'
import { startTagOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import type { Root } from '../xmpp/xml/root.js'

export const domain = 'localhost' as const

/** Unlike `parseJid`, also reads addresses of servers (RFC 7622 §3). */
export function readAddress(text: string): Jid | undefined {
  const bare = text.split('/', 1)[0]!
  if (bare.includes('@')) return parseJid(text)
  const prepared = text.endsWith('/') ? undefined : prepareDomain(bare)
  return prepared === undefined ? undefined : { local: '', domain: prepared, resource: undefined }
}

export interface Stanza {
  readonly name: 'message' | 'presence' | 'iq'
  readonly text: string
  readonly start: Root
  readonly to: string | undefined
  readonly type: string | undefined
}

/** RFC 6120 §8.3.3, with the types of §8.3.2. */
const errorTypes = {
  'bad-request': 'modify',
  'jid-malformed': 'modify',
  'not-allowed': 'cancel',
  'remote-server-not-found': 'cancel',
  'service-unavailable': 'cancel',
} as const

export type Condition = keyof typeof errorTypes

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

export function errorReply(stanza: Stanza, condition: Condition, from: string, to: string): string {
  const error = `<error type='${errorTypes[condition]}'><${condition} xmlns='${stanzaErrorNamespace}'/></error>`
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
