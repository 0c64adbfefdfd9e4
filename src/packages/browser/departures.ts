import { bareJid, childOf, conditionOf, type Message } from './message.js'

/** A stanza that may not have arrived, with the rid of its request. */
export interface Outgoing {
  readonly id: string
  readonly xml: string
  readonly rid?: number
  /** The session has the stanza, or Strophe sends it again. */
  readonly isSent?: boolean
  /** The stanza was sent twice. */
  readonly isAgain?: boolean
  /** The XMPP server has the stanza. */
  readonly isConfirmed?: boolean
  /** The session ended before the server confirmed the stanza. */
  readonly isInDoubt?: boolean
  readonly failure?: Failure
}

type Failure = readonly [code: string, reason: string]

export interface MessageState {
  readonly id: string
  readonly to: string
  /** `sent`: the XMPP server has the message. A sent message can still fail. */
  readonly state: 'sent' | 'failed'
  /** A condition of RFC 6120, `blocked`, `not-sent` or `not-confirmed`. */
  readonly code?: string
  readonly reason?: string
}

/** Messages that may be returned are kept up to this size. */
const mostKept = 100_000

export class Departures {
  /** Stanzas in the order of writing. */
  #all: readonly Outgoing[]
  /** Stanzas that Strophe sends in one of the next requests. */
  readonly #queued = new WeakSet<Outgoing>()
  readonly #changed: (state: MessageState) => void
  #newest = 0
  #requests = 2

  constructor(outgoing: readonly Outgoing[], sent: readonly Outgoing[], changed: (state: MessageState) => void) {
    this.#all = [...sent.map(stanza => ({ ...stanza, isSent: true })), ...outgoing]
    this.#changed = changed
  }

  get outgoing(): readonly Outgoing[] {
    return this.#all.filter(({ isSent }) => !isSent)
  }

  get sent(): readonly Outgoing[] {
    return this.#all.filter(({ isSent }) => isSent)
  }

  get nextRid(): number {
    return this.#newest + 1
  }

  /** `isQueued`: Strophe has the stanza. `isSent`: Strophe sends it again until it has arrived. */
  add(stanza: Element, isQueued = false, isSent = false): void {
    const xml = new XMLSerializer().serializeToString(stanza)
    const outgoing = { id: stanza.getAttribute('id')!, xml, isSent }
    if (isQueued) this.#queued.add(outgoing)
    this.#all = [...this.#all, outgoing]
  }

  /** `received`: the last request that arrived. `isLost`: whether an earlier connection may have lost a stanza. */
  goOn(rid: number, requests: number, received: number | undefined, isLost: (id: string) => boolean): void {
    this.#requests = requests
    this.#newest = rid - 1
    if (received !== undefined) this.arrived(received)
    this.#change(
      ({ isSent }) => !isSent,
      ({ rid: _, ...outgoing }) => outgoing,
    )
    this.#change(
      outgoing => outgoing.isSent === true && isPending(outgoing) && isLost(outgoing.id),
      outgoing => ({ ...outgoing, isInDoubt: true }),
    )
  }

  note(body: Element): void {
    const rid = Number(body.getAttribute('rid'))
    this.#newest = Math.max(this.#newest, rid)
    const leaving = new Set([...body.children].map(child => child.getAttribute('id')))
    this.#change(
      ({ id, isSent }) => !isSent && leaving.has(id),
      outgoing => ({ ...outgoing, rid }),
    )
    this.arrived(this.#newest - this.#requests)
  }

  arrived(received?: number): void {
    this.#change(
      ({ isSent, rid }) => !isSent && (received === undefined || rid! <= received),
      outgoing => ({ ...outgoing, isSent: true }),
    )
  }

  /** Returns a function to call when the server answers a stanza that is sent now. */
  confirming(): () => void {
    const given = this.#all.filter(outgoing =>
      outgoing.isSent ? !outgoing.isInDoubt : outgoing.rid !== undefined || this.#queued.has(outgoing),
    )
    const ids = given.map(({ id }) => id)
    return () => this.confirm(ids)
  }

  confirm(ids: readonly (string | undefined)[]): void {
    this.#change(
      outgoing => isPending(outgoing) && ids.includes(outgoing.id),
      outgoing => ({ ...outgoing, isSent: true, isConfirmed: true, isInDoubt: false }),
      { state: 'sent' },
    )
  }

  /** A room returns messages to their sender. True if this tab sent the message. */
  takeEcho({ id, from, type, body }: Message): boolean {
    if (type !== 'groupchat') return false
    // All occupants know the id and could use it for another text.
    const isIt = (outgoing: Outgoing) =>
      outgoing.id === id &&
      addressOf(outgoing).toLowerCase() === bareJid(from) &&
      readStanza(outgoing).textContent === body
    this.#change(
      outgoing => isIt(outgoing) && !outgoing.isConfirmed,
      ({ failure: _, ...outgoing }) => ({ ...outgoing, isSent: true, isConfirmed: true }),
      { state: 'sent' },
    )
    return this.#all.some(isIt)
  }

  /** Call it if the archive lacks the messages in doubt: they have failed. */
  giveUp(): void {
    const isLost = (outgoing: Outgoing) => outgoing.isInDoubt === true && isPending(outgoing)
    this.#fail(isLost, 'not-confirmed', 'The server has not confirmed the message.')
  }

  failAll(): void {
    this.#fail(isPending, 'not-sent', 'The chat has ended.')
  }

  /** `again`: the stanza will be sent once more. Undefined if the error is for no message. */
  takeBack(error: Element): 'again' | 'failed' | undefined {
    const id = error.getAttribute('id')
    const from = error.getAttribute('from')?.toLowerCase()
    // Only the room itself may report errors: all occupants know the id.
    const found = this.#all.find(outgoing => outgoing.id === id && addressOf(outgoing).toLowerCase() === from)
    if (!found || error.getAttribute('type') !== 'error') return undefined
    const isFound = (outgoing: Outgoing) => outgoing === found
    if (!isUnconfirmed(error) || found.isAgain || found.failure) {
      // A contact can send errors without end. Only the first counts.
      if (!found.failure) this.#fail(isFound, ...reasonFor(error))
      return 'failed'
    }
    this.#change(isFound, ({ id, xml }) => ({ id, xml, isAgain: true }))
    return 'again'
  }

  resend(id: string): boolean {
    const isMeant = (outgoing: Outgoing) => outgoing.id === id && !!outgoing.failure
    const isKnown = this.#all.some(isMeant)
    this.#change(isMeant, ({ id, xml }) => ({ id, xml }))
    return isKnown
  }

  /** Returns each stanza once for a connection. `kept` is text that Strophe itself sends again. */
  unsent(kept = ''): Element[] {
    const unsent = this.outgoing.filter(
      outgoing => outgoing.rid === undefined && !kept.includes(outgoing.id) && !this.#queued.has(outgoing),
    )
    for (const outgoing of unsent) this.#queued.add(outgoing)
    return unsent.map(readStanza).filter(({ localName }) => localName === 'message')
  }

  /** Shows each message that the server may not have, and reports its failure. */
  recall(show: (stanza: Element) => void): void {
    for (const outgoing of this.#all) if (!outgoing.isConfirmed) show(readStanza(outgoing))
    for (const { id, failure } of this.#all) if (failure) this.#fail(outgoing => outgoing.id === id, ...failure)
  }

  clear(): void {
    this.#all = []
  }

  #fail(isMeant: (outgoing: Outgoing) => boolean, code: string, reason: string): void {
    this.#change(isMeant, ({ id, xml }) => ({ id, xml, isSent: true, failure: [code, reason] }), {
      state: 'failed',
      code,
      reason,
    })
  }

  #change(
    isMeant: (outgoing: Outgoing) => boolean,
    change: (outgoing: Outgoing) => Outgoing,
    state?: Omit<MessageState, 'id' | 'to'>,
  ): void {
    const meant = this.#all.filter(isMeant)
    if (meant.length === 0) return
    let size = 0
    for (const { xml } of this.#all) size += xml.length
    this.#all = this.#all
      .map(outgoing => (meant.includes(outgoing) ? change(outgoing) : outgoing))
      .filter(outgoing => {
        const isKept = size <= mostKept || isPending(outgoing)
        if (!isKept) size -= outgoing.xml.length
        return isKept
      })
    // A handler of the page may send or resend messages.
    if (state) for (const outgoing of meant) this.#changed({ id: outgoing.id, to: addressOf(outgoing), ...state })
  }
}

export function isUnconfirmed(stanza: Element): boolean {
  return stanza.getAttribute('type') === 'error' && stanza.getElementsByTagName('remote-server-timeout').length > 0
}

function reasonFor(stanza: Element): Failure {
  const error = childOf(stanza, 'error', null)
  if (error && childOf(error, 'blocked', null)) return ['blocked', 'You have blocked this contact.']
  const code = conditionOf(stanza)
  if (code.startsWith('remote-server')) return [code, "The recipient's server cannot be reached."]
  if (/unavailable|found|gone/.test(code)) return [code, 'The recipient cannot be reached.']
  return [code, 'The message was refused.']
}

const isPending = ({ isConfirmed, failure }: Outgoing) => !isConfirmed && !failure

const addressOf = (outgoing: Outgoing) => readStanza(outgoing).getAttribute('to') ?? ''

function readStanza({ xml }: Outgoing): Element {
  return new DOMParser().parseFromString(xml, 'text/xml').documentElement
}
