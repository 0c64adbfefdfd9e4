export const carbonsNamespace = 'urn:xmpp:carbons:2'
const delayNamespace = 'urn:xmpp:delay'
const forwardNamespace = 'urn:xmpp:forward:0'
export const stanzaIdNamespace = 'urn:xmpp:sid:0'

/** Clocks may be this wrong. Later times are forged, except in the archive. */
const mostAhead = 60_000

export interface Message {
  /** The full JID. In a room, the nickname is the resource. */
  readonly from: string
  readonly to: string
  /** `chat`, `groupchat`, `normal`, `headline` or `error`. */
  readonly type: string
  readonly id: string | undefined
  /** Undefined if there is no text, for example in a typing notice or an error. */
  readonly body: string | undefined
  /** The time in the stanza, or else now. A sender can write an earlier time. */
  readonly time: Date
  /** True if this user sent the message. In a room, only if this tab sent it. */
  readonly own: boolean
  readonly archived: boolean
  readonly stanza: Element
}

export function bareJid(jid: string): string {
  return jid.split('/', 1)[0]!.toLowerCase()
}

/** Maps each room to the JID of this user's occupant (XEP-0045). */
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

/** A message that another client of the user sent or received (XEP-0280), else the stanza itself. */
export function carbonOf(stanza: Element, jid: string): Element {
  // Anybody can imitate a carbon. Only the user's server sends from the bare JID.
  if (stanza.getAttribute('from')?.toLowerCase() !== bareJid(jid)) return stanza
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
    // Servers return the text with the error, as if the recipient had written it.
    body:
      type === 'error' ? undefined : (childOf(stanza, 'body', stanza.namespaceURI)?.textContent as string | undefined),
    time: +time < Date.now() + (stamp ? Infinity : mostAhead) ? time : new Date(),
    own: bareJid(from) === bareJid(jid),
    archived: stamp !== undefined,
    stanza,
  }
}

/** `place` is the user or the room. Servers do not check who wrote a delay in their name. */
function delayOf(stanza: Element, place: string): string | null | undefined {
  const delay = childOf(stanza, 'delay', delayNamespace)
  const by = bareJid(delay?.getAttribute('from') ?? '')
  return [place, place.split('@')[1]].includes(by) ? delay!.getAttribute('stamp') : undefined
}

/** XEP-0359. */
export function archiveIdOf(stanza: Element, archive: string): string | undefined {
  // Prosody 0.12 keeps invented ids of a sender, and adds its own id at the end.
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
