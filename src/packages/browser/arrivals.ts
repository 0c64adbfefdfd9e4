import { archiveIdOf, bareJid, type Message, type Rooms, readMessage } from './message.js'
import { keyOf, RepeatedMessages } from './repeated-messages.js'

/** Two for each message: an archive and a server can both have thousands for a page. */
const mostKeys = 20_000

/** Shows each message once, and archived messages first. */
export class Arrivals {
  #next = 0
  readonly #shown = new Set<string>()
  readonly #repeated = new WeakSet<Element>()
  readonly repeats = new RepeatedMessages()
  #waiting: Message[] | undefined
  /** The archive may have messages before those that were shown. */
  #isBehind = false

  /** `seen`: number of stanzas of the session. `last`: archive id of the last shown message. */
  constructor(
    public seen: number,
    public last: string | undefined,
    readonly show: (message: Message) => void,
  ) {}

  /** Returns true if this tab has counted fewer stanzas than earlier pages have received. */
  goOn(delivered: number): boolean {
    const isLost = delivered > this.seen
    this.#next = delivered
    this.repeats.broken()
    if (isLost) this.seen = delivered
    return isLost
  }

  resume(): void {
    this.#next = this.seen
    this.repeats.broken()
  }

  /** Empties repeated messages, because the page's own handlers would show a repeated message again. */
  note(input: Element): void {
    for (const stanza of input.localName === 'body' ? input.children : [input]) {
      if (stanza.namespaceURI !== 'jabber:client') continue
      this.#next += 1
      if (this.#next > this.seen) this.seen = this.#next
      else if (stanza.localName === 'message') {
        this.#repeated.add(stanza)
        stanza.replaceChildren()
      }
    }
  }

  isRepeated(stanza: Element): boolean {
    return this.#repeated.has(stanza)
  }

  take(message: Message, jid: string): void {
    if (this.#waiting && message.type !== 'groupchat') this.#waiting.push(message)
    else this.#showOnce(message, liveId(message, jid))
  }

  showOwn(stanza: Element, jid: string, rooms: Rooms): void {
    const isToRoom = stanza.getAttribute('type') === 'groupchat'
    const from = isToRoom ? rooms.get(bareJid(stanza.getAttribute('to')!)) : jid
    // If the room is not in `rooms`, only the copy that the room returns is shown.
    if (!from) return
    stanza.setAttribute('from', from)
    this.#showOnce(readMessage(stanza, from))
  }

  /** Archived messages have not come yet, perhaps because the last session was lost while they were fetched. */
  get isHolding(): boolean {
    return this.#waiting !== undefined || this.#isBehind
  }

  /** Shows what waits, because servers do not send it again. Returns true if a later page must ask the archive. */
  leave(jid: string): boolean {
    const { isHolding } = this
    if (isHolding) {
      this.miss(jid)
      this.hold()
    }
    return isHolding
  }

  /** Shows what waits, because the archive does not answer. `last` stays until it does. */
  miss(jid: string): void {
    const { last } = this
    this.release([], jid)
    this.last = last
    this.#isBehind = true
  }

  hold(): void {
    this.#waiting ??= []
  }

  release(archived: readonly { readonly id: string; readonly message: Message }[], jid: string): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    this.#isBehind = false
    for (const { id, message } of archived) this.#showOnce(message, id)
    for (const message of waiting) this.#showOnce(message, liveId(message, jid))
  }

  readonly isKnown = (id: string): boolean => id === this.last || this.#shown.has(keyOf('', id))

  #showOnce(message: Message, id?: string): void {
    const keys = []
    const { from, type, stanza } = message
    if (id) keys.push(keyOf(type === 'groupchat' ? bareJid(from) : '', id))
    // Only origin-ids are unique among the resources of a sender. Other ids need the full JID in the key.
    const sender = type === 'chat' && stanza.getElementsByTagName('origin-id')[0] ? bareJid(from) : from
    if (message.id) keys.push(keyOf(message.own || sender, message.id, message.body))
    const isNameless = !keys[0] && !!message.body
    const isKnown = isNameless
      ? this.repeats.isAgain(keyOf(from, message.body))
      : keys.some(key => this.#shown.has(key))
    for (const key of keys) this.#shown.add(key)
    for (const key of this.#shown) {
      if (this.#shown.size <= mostKeys) break
      this.#shown.delete(key)
    }
    if (id && type !== 'groupchat' && !this.#isBehind) this.last = id
    if (!isKnown && !(message.archived && type === 'error')) this.show(message)
  }
}

function liveId({ stanza, type, from }: Message, jid: string): string | undefined {
  return archiveIdOf(stanza, bareJid(type === 'groupchat' ? from : jid))
}
