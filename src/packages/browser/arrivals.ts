import { archiveIdOf, bareJid, type Message } from './message.js'

/** How many messages are remembered, so as not to show them again. */
const mostKeys = 2000

/** What comes for the page: each message once, and those from the archive before those that come meanwhile. */
export class Arrivals {
  /** How many stanzas of the session have come. */
  #seen: number
  /** Which one comes next. */
  #next = 0
  /** The last message in the archive that has been shown. */
  #last: string | undefined
  readonly #shown = new Set<string>()
  readonly #repeated = new WeakSet<Element>()
  readonly #show: (message: Message) => void
  /** Messages that have come while the archive is asked. */
  #waiting: Message[] | undefined

  constructor(seen: number, last: string | undefined, show: (message: Message) => void) {
    this.#seen = seen
    this.#last = last
    this.#show = show
  }

  get seen(): number {
    return this.#seen
  }

  get last(): string | undefined {
    return this.#last
  }

  /** Another session: nothing of it has come. */
  forgetSession(): void {
    this.#seen = 0
  }

  /** Another user: nothing of the archive has come. */
  forgetUser(): void {
    this.#last = undefined
  }

  /** What comes now follows so many stanzas. Returns whether some between have been lost. */
  goOn(delivered: number): boolean {
    const isLost = delivered > this.#seen
    this.#next = delivered
    if (isLost) this.#seen = delivered
    return isLost
  }

  /** The server goes on behind the last stanza that has come. */
  goOnWhereItWas(): void {
    this.#next = this.#seen
  }

  /** Counts the stanzas in what has come, and empties messages that came before. */
  note(input: Element): void {
    for (const stanza of input.localName === 'body' ? input.children : [input]) {
      if (stanza.namespaceURI !== 'jabber:client') continue
      this.#next += 1
      if (this.#next > this.#seen) this.#seen = this.#next
      else if (stanza.localName === 'message') {
        this.#repeated.add(stanza)
        // The page's own handlers get it too.
        stanza.replaceChildren()
      }
    }
  }

  isRepeated(stanza: Element): boolean {
    return this.#repeated.has(stanza)
  }

  /** Shows a message that has just come, once it is its turn. */
  take(message: Message, jid: string): void {
    if (this.#waiting !== undefined && message.type !== 'groupchat') this.#waiting.push(message)
    else this.#showOnce(message, liveId(message, jid))
  }

  /** Shows what the user has sent from here. */
  showNow(message: Message): void {
    this.#showOnce(message, undefined)
  }

  /** Makes messages wait until what is older has come from the archive. */
  hold(): void {
    this.#waiting ??= []
  }

  /** Shows what has come from the archive, oldest first, and then what has waited. */
  release(archived: readonly { readonly id: string; readonly message: Message }[], jid: string): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const { id, message } of archived) this.#showOnce(message, id)
    for (const message of waiting) this.#showOnce(message, liveId(message, jid))
  }

  /** From here on the archive is asked. */
  startAfter(last: string | undefined): void {
    this.#last ??= last
  }

  #showOnce(message: Message, id: string | undefined): void {
    const keys = []
    if (id !== undefined) keys.push(`${message.type === 'groupchat' ? bareJid(message.from) : ''} ${id}`)
    if (message.id !== undefined) keys.push([message.from, message.id, message.body].join('\n'))
    const isKnown = keys.some(key => this.#shown.has(key))
    for (const key of keys) this.#shown.add(key)
    for (const key of this.#shown) {
      if (this.#shown.size <= mostKeys) break
      this.#shown.delete(key)
    }
    if (id !== undefined && message.type !== 'groupchat') this.#last = id
    if (!isKnown) this.#show(message)
  }
}

function liveId({ stanza, type, from }: Message, jid: string): string | undefined {
  return archiveIdOf(stanza, bareJid(type === 'groupchat' ? from : jid))
}
