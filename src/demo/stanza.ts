import { startTagOf } from '../xml/document.js'
import type { Element } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'

const stanzasNamespace = 'urn:ietf:params:xml:ns:xmpp-stanzas'

/** The start tag of an element that has been read before. */
export interface Start {
  /** As written. */
  readonly tag: string
  /** Values by qualified name. */
  readonly attributes: Readonly<Record<string, string>>
}

/** A stanza as a client sent it, and what of its start tag decides where it goes. */
export interface Stanza extends Start {
  readonly name: 'message' | 'presence' | 'iq'
  readonly text: string
  readonly to: string | undefined
  readonly type: string | undefined
  readonly id: string | undefined
}

/** Why a stanza comes back (RFC 6120 §8.3.3), and what its sender can do about it (§8.3.2). */
const errorTypes = {
  'bad-request': 'modify',
  'jid-malformed': 'modify',
  'not-allowed': 'cancel',
  'remote-server-not-found': 'cancel',
  'service-unavailable': 'cancel',
} as const

export type StanzaCondition = keyof typeof errorTypes

export function startOf({ text }: Element): Start {
  const tag = /^<(?:[^>"']+|"[^"]*"|'[^']*')*>/.exec(text)![0]
  const { names, values } = startTagOf(text)
  const attributes: Record<string, string> = Object.create(null)
  for (const [index, name] of names.entries()) attributes[name] = values[index]!
  return { tag, attributes }
}

/** Reads a stanza; undefined for another element of `jabber:client`. */
export function readStanza(element: Element): Stanza | undefined {
  const { name, text } = element
  if (name !== 'message' && name !== 'presence' && name !== 'iq') return undefined
  const { tag, attributes } = startOf(element)
  const { to, type, id } = attributes
  return { name, text, tag, attributes, to, type, id }
}

/** The stanza as its receiver gets it: whoever sent it does not choose the `from` (RFC 6120 §8.1.2.1). */
export function readdress({ tag, text, attributes }: Stanza, from: string, to: string): string {
  let start = /^<[^\s/>]+/.exec(tag)![0]
  for (const name in attributes) {
    if (name !== 'from' && name !== 'to') start += ` ${name}='${escapeXml(attributes[name]!)}'`
  }
  const end = tag.endsWith('/>') ? '/>' : '>'
  return `${start} from='${escapeXml(from)}' to='${escapeXml(to)}'${end}${text.slice(tag.length)}`
}

/** The stanza with one more child, which is the last. */
export function extend(stanza: string, child: string): string {
  const end = stanza.lastIndexOf('</')
  if (!stanza.endsWith('/>')) return stanza.slice(0, end) + child + stanza.slice(end)
  return `${stanza.slice(0, -2)}>${child}</${/^<([^\s/>]+)/.exec(stanza)![1]}>`
}

/** The answer to a stanza that cannot be delivered or done; `from` is whom it was for. */
export function errorReply(
  { name, id }: Stanza,
  condition: StanzaCondition,
  from: string,
  to: string,
): string {
  const error = `<error type='${errorTypes[condition]}'><${condition} xmlns='${stanzasNamespace}'/></error>`
  return `<${name} type='error'${addressing(id, from, to)}>${error}</${name}>`
}

/** The answer to an IQ that has been done. */
export function resultReply({ id }: Stanza, payload: string, from: string, to: string): string {
  return `<iq type='result'${addressing(id, from, to)}>${payload}</iq>`
}

function addressing(id: string | undefined, from: string, to: string): string {
  const about = id === undefined ? '' : ` id='${escapeXml(id)}'`
  return `${about} from='${escapeXml(from)}' to='${escapeXml(to)}'`
}
