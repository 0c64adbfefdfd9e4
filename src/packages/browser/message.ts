import { newElement, newStanza } from './written-xml.js'

export const carbonsNamespace = 'urn:xmpp:carbons:2'
export const delayNamespace = 'urn:xmpp:delay'
const nickNamespace = 'http://jabber.org/protocol/nick'
const forwardNamespace = 'urn:xmpp:forward:0'
const stanzaIdNamespace = 'urn:xmpp:sid:0'

/** Milliseconds that a clock may be ahead. Later times count as forged, except in the archive. */
const mostAhead = 60_000

export interface Message {
  /** The sender's JID, usually a full JID. In a room, the nickname is the resource. */
  readonly from: string
  readonly to: string
  /** `chat`, `groupchat`, `normal`, `headline` or `error`. */
  readonly type: string
  readonly id: string | undefined
  /** Undefined without text, as in a typing notice or an error. */
  readonly body: string | undefined
  /** What the sender wants to be called (XEP-0172). Anybody can claim any name. */
  readonly nickname: string | undefined
  /** The time in the stanza, or the current time. Senders can forge earlier times. */
  readonly time: Date
  /** True if this user sent the message. In a room, only if this tab sent it. */
  readonly own: boolean
  readonly archived: boolean
  readonly stanza: Element
}

export function bareJid(jid: string): string {
  return jid.split('/', 1)[0]!.toLowerCase()
}

/** JIDs of this user's occupants (XEP-0045), by room. */
export type Rooms = ReadonlyMap<string, string>

export function childOf(parent: Element, name: string, namespace: string | null): Element | undefined {
  for (const child of parent.children)
    if (child.localName === name && (!namespace || child.namespaceURI === namespace)) return child
  return undefined
}

export function forwardedIn(
  parent: Element | undefined,
): readonly [stamp: string | null, message: Element] | undefined {
  const forwarded = parent && childOf(parent, 'forwarded', forwardNamespace)
  const message = forwarded && childOf(forwarded, 'message', 'jabber:client')
  return message && [childOf(forwarded!, 'delay', delayNamespace)?.getAttribute('stamp') ?? null, message]
}

/** False for imitations: only the user's server sends without `from`, or from the bare JID (RFC 6120 §8.1.2.1). */
export function isOfAccount(stanza: Element, jid: string): boolean {
  const from = stanza.getAttribute('from')
  return !from || from.toLowerCase() === bareJid(jid)
}

/** Returns the message in a carbon (XEP-0280), or the stanza itself. */
export function carbonOf(stanza: Element, jid: string): Element {
  if (!isOfAccount(stanza, jid)) return stanza
  const carbon = childOf(stanza, 'sent', carbonsNamespace) ?? childOf(stanza, 'received', carbonsNamespace)
  return forwardedIn(carbon)?.[1] ?? stanza
}

export function readMessage(stanza: Element, jid: string, stamp?: string | null): Message {
  const from = stanza.getAttribute('from') ?? bareJid(jid)
  const type = stanza.getAttribute('type') ?? 'normal'
  const time = new Date(stamp ?? delayOf(stanza, bareJid(type === 'groupchat' ? from : jid)) ?? '')
  return {
    from,
    to: stanza.getAttribute('to') ?? jid,
    type,
    id: stanza.getAttribute('id') ?? undefined,
    // An error can repeat the text that this user sent.
    body:
      type === 'error' ? undefined : (childOf(stanza, 'body', stanza.namespaceURI)?.textContent as string | undefined),
    nickname: childOf(stanza, 'nick', nickNamespace)?.textContent as string | undefined,
    time: +time < Date.now() + (stamp ? Infinity : mostAhead) ? time : new Date(),
    own: bareJid(from) === bareJid(jid),
    archived: stamp !== undefined,
    stanza,
  }
}

/** Accepts a `<delay/>` only from `receiver` (the user or the room) or the receiver's server. */
function delayOf(stanza: Element, receiver: string): string | null | undefined {
  const delay = childOf(stanza, 'delay', delayNamespace)
  const by = bareJid(delay?.getAttribute('from') ?? '')
  return [receiver, receiver.split('@')[1]].includes(by) ? delay!.getAttribute('stamp') : undefined
}

/** XEP-0359. */
export function archiveIdOf(stanza: Element, archive: string): string | undefined {
  // Prosody 0.12 keeps ids that the sender invented, and adds its own id at the end.
  const isOf = (child: Element) =>
    child.localName === 'stanza-id' &&
    child.namespaceURI === stanzaIdNamespace &&
    bareJid(child.getAttribute('by') ?? '') === archive
  return [...stanza.children].findLast(isOf)?.getAttribute('id') ?? undefined
}

export function conditionOf(stanza: Element): string {
  for (const { localName } of childOf(stanza, 'error', null)?.children ?? []) if (localName !== 'text') return localName
  return 'error'
}

/** Without what XML 1.0 §2.2 forbids, such as the vertical tab of a word processor: the session would end. */
export function allowed(text: string): string {
  return text.replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
}

export function removeForbidden(stanza: Element): void {
  for (const body of stanza.getElementsByTagName('body')) {
    const text = allowed(body.textContent!)
    if (text !== body.textContent) body.textContent = text
  }
}

/** Servers send a room's address in lower case. The nickname keeps its case. */
export function roomAndOccupant(occupant: string): readonly [room: string, occupant: string] {
  const room = bareJid(occupant)
  return [room, room + allowed(occupant.slice(room.length))]
}

export function writeMessage(to: string, type: string, id: string, body: string, nickname?: string): Element {
  // As the reader of each side would do (XML 1.0 §2.11).
  const text = allowed(body).replaceAll(/\r\n?/g, '\n')
  const message = newStanza('message', { to: allowed(to), type, id }, newElement('body', {}, text))
  if (nickname) message.append(nickOf(nickname))
  message.append(newElement('origin-id', { xmlns: stanzaIdNamespace, id }))
  return message
}

export const nickOf = (nickname: string): Element => newElement('nick', { xmlns: nickNamespace }, allowed(nickname))
