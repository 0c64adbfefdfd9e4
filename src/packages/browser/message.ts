const delayNamespace = 'urn:xmpp:delay'
const stanzaIdNamespace = 'urn:xmpp:sid:0'

/** A message, to be shown. */
export interface Message {
  /** Full JID; in a room that of the occupant, with the nickname as resource. */
  readonly from: string
  readonly to: string
  /** `chat`, `groupchat`, `normal`, `headline` or `error`. */
  readonly type: string
  readonly id: string | undefined
  /** Undefined where there is no text, as in a notice that the other one writes. */
  readonly body: string | undefined
  /** When it was sent, as far as the servers say so; or else now. */
  readonly time: Date
  /** Whether the user has sent it, from here or from another client. */
  readonly own: boolean
  /** Whether it comes from the archive. */
  readonly archived: boolean
  readonly stanza: Element
}

export function bareJid(jid: string): string {
  return jid.split('/', 1)[0]!.toLowerCase()
}

/** The first child with this name and namespace. */
export function childOf(parent: Element, name: string, namespace: string | null): Element | undefined {
  for (const child of parent.children)
    if (child.localName === name && (namespace === null || child.namespaceURI === namespace)) return child
  return undefined
}

/** `stamp` is when the archive has received it. */
export function readMessage(stanza: Element, jid: string, stamp?: string | null): Message {
  const from = stanza.getAttribute('from') ?? bareJid(jid)
  const when = stamp ?? delayOf(stanza, from, jid)
  const time = new Date(when ?? Date.now())
  return {
    from,
    to: stanza.getAttribute('to') ?? jid,
    type: stanza.getAttribute('type') ?? 'normal',
    id: stanza.getAttribute('id') ?? undefined,
    body: childOf(stanza, 'body', stanza.namespaceURI)?.textContent ?? undefined,
    time: Number.isNaN(+time) ? new Date() : time,
    own: bareJid(from) === bareJid(jid),
    archived: stamp !== undefined,
    stanza,
  }
}

/** When the user's server, or the room, has received it. What others say of the time counts for nothing. */
function delayOf(stanza: Element, from: string, jid: string): string | null | undefined {
  const delay = childOf(stanza, 'delay', delayNamespace)
  const by = bareJid(delay?.getAttribute('from') ?? '')
  const isRoom = stanza.getAttribute('type') === 'groupchat'
  const own = bareJid(jid)
  const trusted = isRoom ? [bareJid(from)] : [own, own.split('@')[1]]
  return trusted.includes(by) ? delay!.getAttribute('stamp') : undefined
}

/** The id that an archive has given to a message: the user's own archive or, for what was said in a room, that of the room (XEP-0359). */
export function archiveIdOf(stanza: Element, archive: string): string | undefined {
  for (const child of stanza.children) {
    const isOf = child.localName === 'stanza-id' && child.namespaceURI === stanzaIdNamespace
    if (isOf && bareJid(child.getAttribute('by') ?? '') === archive)
      return child.getAttribute('id') ?? undefined
  }
  return undefined
}
