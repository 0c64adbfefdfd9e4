export const carbonsNamespace = 'urn:xmpp:carbons:2'
const delayNamespace = 'urn:xmpp:delay'
const forwardNamespace = 'urn:xmpp:forward:0'
export const stanzaIdNamespace = 'urn:xmpp:sid:0'

/** In milliseconds. Clocks may be this wrong. Later times are forged, except in the archive. */
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
  /** Time that the stanza names, or else now. A sender can write an earlier time. */
  readonly time: Date
  /** Sent by this user, in rooms by this tab. */
  readonly own: boolean
  /** Whether the message comes from the archive. */
  readonly archived: boolean
  readonly stanza: Element
}

export function bareJid(jid: string): string {
  return jid.split('/', 1)[0]!.toLowerCase()
}

/** By room, the JID of this user's occupant (XEP-0045). */
export type Rooms = ReadonlyMap<string, string>

export function childOf(parent: Element, name: string, namespace: string | null): Element | undefined {
  for (const child of parent.children)
    if (child.localName === name && (!namespace || child.namespaceURI === namespace)) return child
  return undefined
}

/** The delay and the message in an archive result or a carbon. */
export function forwardedIn(
  parent: Element | undefined,
): readonly [stamp: string | null, message: Element] | undefined {
  const forwarded = parent && childOf(parent, 'forwarded', forwardNamespace)
  const message = forwarded && childOf(forwarded, 'message', 'jabber:client')
  return message && [childOf(forwarded!, 'delay', delayNamespace)?.getAttribute('stamp') ?? null, message]
}

/** Sent or received by another client of the user (XEP-0280), else the stanza itself. */
export function carbonOf(stanza: Element, jid: string): Element {
  // Anybody can send the look of a carbon. Only the user's server sends from the bare JID.
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

/** `place`: the user or the room. Servers do not check who wrote a delay in their name. */
function delayOf(stanza: Element, place: string): string | null | undefined {
  const delay = childOf(stanza, 'delay', delayNamespace)
  const by = bareJid(delay?.getAttribute('from') ?? '')
  return [place, place.split('@')[1]].includes(by) ? delay!.getAttribute('stamp') : undefined
}

/** Archive id given by the user's server or by the room (XEP-0359). */
export function archiveIdOf(stanza: Element, archive: string): string | undefined {
  // Prosody 0.12 leaves the ids that a sender made up, and adds its own at the end.
  const isOf = (child: Element) =>
    child.localName === 'stanza-id' &&
    child.namespaceURI === stanzaIdNamespace &&
    bareJid(child.getAttribute('by') ?? '') === archive
  return [...stanza.children].findLast(isOf)?.getAttribute('id') ?? undefined
}

/** The condition of RFC 6120 in an error. */
export function conditionOf(stanza: Element): string {
  for (const { localName } of childOf(stanza, 'error', null)?.children ?? []) if (localName !== 'text') return localName
  return 'error'
}
