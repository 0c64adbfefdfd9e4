import { isUnconfirmed } from './departures.js'

const mostMessages = 100
/** Characters of all messages together. */
const mostText = 100_000

/** `rid` of messages that Strophe has, but has not sent. */
const queued = Number.POSITIVE_INFINITY
/** `rid` of messages that were sent over WebSocket. */
const overSocket = 0

interface Sent {
  readonly id: string
  readonly stanza: Element
  readonly size: number
  /** Of the request with the message. Undefined if the message must be sent. */
  rid: number | undefined
  /** The service has returned the message once. */
  isAgain?: boolean
}

/** The newest chat messages of Converse. Messages that did not reach the XMPP server are sent again, with the same id. */
export class ReturnedMessages {
  #all: Sent[] = []
  #newest = 0
  #requests = 2

  /** Returns false if `stanza` is not a chat message with a text. */
  add(stanza: Element, isGiven: boolean, isOverSocket: boolean): boolean {
    const id = stanza.getAttribute('id')
    if (!id || stanza.getAttribute('type') !== 'chat' || !stanza.getElementsByTagName('body')[0]) return false
    const rid = isGiven ? (isOverSocket ? overSocket : queued) : undefined
    const size = stanza.outerHTML.length
    // A message that is sent again is known.
    const known = this.#all.find(each => each.id === id)
    if (known) known.rid = rid
    else this.#all.push({ id, stanza: stanza.cloneNode(true) as Element, size, rid })
    let text = 0
    for (const each of this.#all) text += each.size
    while (this.#all.length > mostMessages || text > mostText) text -= this.#all.shift()!.size
    return true
  }

  /** A request leaves. */
  note(body: Element): void {
    const rid = Number(body.getAttribute('rid'))
    this.#newest = Math.max(this.#newest, rid)
    const leaving = new Set([...body.children].map(child => child.getAttribute('id')))
    for (const each of this.#all) if (each.rid === queued && leaving.has(each.id)) each.rid = rid
  }

  /** A new connection begins. `received`: rid of the last request of the earlier connection that arrived. */
  goOn(rid: number, requests: number, received = this.#newest - this.#requests): void {
    for (const each of this.#all) if (each.rid! > received) each.rid = undefined
    this.#newest = rid - 1
    this.#requests = requests
  }

  /** The stream of a WebSocket was not resumed. `unacked`: text with all stanzas that the service has not acknowledged. */
  lost(unacked: string): void {
    for (const each of this.#all) if (each.rid === overSocket && unacked.includes(each.id)) each.rid = undefined
  }

  /** Returns true if `stanza` returns a message that will be sent once more. */
  takeBack(stanza: Element): boolean {
    if (!isUnconfirmed(stanza)) return false
    const id = stanza.getAttribute('id')
    const from = stanza.getAttribute('from')?.toLowerCase()
    const isMeant = (each: Sent) => each.id === id && each.stanza.getAttribute('to')?.toLowerCase() === from
    const found = this.#all.find(isMeant)
    if (!found || found.isAgain) return false
    found.isAgain = true
    found.rid = undefined
    return true
  }

  /** The caller must send the messages with `add`. */
  get unsent(): readonly Element[] {
    return this.#all.filter(({ rid }) => rid === undefined).map(({ stanza }) => stanza)
  }

  clear(): void {
    this.#all = []
  }
}
