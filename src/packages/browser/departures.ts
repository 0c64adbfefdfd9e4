import { childOf, conditionOf } from './message.js'

export interface Outgoing {
  readonly id: string
  readonly xml: string
  /** Strophe has the stanza, in this connection. */
  readonly isQueued?: boolean | undefined
  /** Of the request that had the stanza, in this connection. */
  readonly rid?: number | undefined
  /** Also true for failed stanzas, and for stanzas that Strophe itself repeats. */
  readonly isSent?: boolean | undefined
  /** The stanza was sent twice. */
  readonly isAgain?: boolean | undefined
  /** Another one after each return, in this page. */
  readonly turn?: symbol | undefined
  readonly isConfirmed?: boolean | undefined
  /** The session ended before the server confirmed the stanza. */
  readonly isInDoubt?: boolean | undefined
  readonly failure?: Failure | undefined
}

export type Failure = readonly [code: string, reason: string]
export type Test = (outgoing: Outgoing) => boolean

/** Characters of all stanzas together. Of sent stanzas beyond this limit, only the newest pending are kept. */
const mostKept = 100_000
const mostPending = 100
/** Characters. MAX_STANZA_BYTES is not less. */
const leastTooLong = 10_000

export const waiting = {
  isQueued: undefined,
  rid: undefined,
  isSent: undefined,
  isConfirmed: undefined,
  isInDoubt: undefined,
}

/** Tracks which messages of this tab must be sent, also by the next page. */
export class Departures {
  protected all: readonly Outgoing[] = []
  /** Called after each change. */
  onChange = (): void => {}
  #newest = 0
  #requests = 2

  constructor(outgoing: readonly Outgoing[], sent: readonly Outgoing[]) {
    this.replace(outgoing, sent)
  }

  get outgoing(): readonly Outgoing[] {
    return this.all.filter(({ isSent }) => !isSent)
  }

  get sent(): readonly Outgoing[] {
    return this.all.filter(({ isSent }) => isSent)
  }

  get isAnyPending(): boolean {
    return this.all.some(isPending)
  }

  get nextRid(): number {
    return this.#newest + 1
  }

  /** A stanza with a known id replaces the earlier one. */
  add(stanza: Element, isQueued = false, isSent = false): void {
    const xml = new XMLSerializer().serializeToString(stanza)
    const id = stanza.getAttribute('id')!
    const known = this.all.find(each => each.id === id)
    const outgoing = { id, xml, isQueued, isSent, isAgain: known?.isAgain }
    this.#keep(known ? this.all.map(each => (each === known ? outgoing : each)) : [...this.all, outgoing])
  }

  /** `received`: rid of the last request that arrived. `isLost`: an earlier connection may have lost the stanza. */
  goOn(rid: number, requests: number, received: number | undefined, isLost: (id: string) => boolean): void {
    this.#requests = requests
    this.#newest = rid - 1
    if (received !== undefined) this.arrived(received)
    this.change(({ isSent }) => !isSent, waiting)
    this.change(outgoing => isUncertain(outgoing) && isLost(outgoing.id), { isInDoubt: true })
  }

  note(body: Element): void {
    const rid = Number(body.getAttribute('rid'))
    this.#newest = Math.max(this.#newest, rid)
    const leaving = new Set([...body.children].map(child => child.getAttribute('id')))
    this.change(({ id, isSent }) => !isSent && leaving.has(id), { rid })
    this.arrived(this.#newest - this.#requests)
  }

  arrived(received?: number): void {
    this.change(({ isSent, rid }) => !isSent && (received === undefined || rid! <= received), { isSent: true })
  }

  /** Strophe no longer repeats these stanzas. Returns those that are no messages of the tab. */
  takeOver<Kept extends { readonly stanza: string }>(kept: readonly Kept[]): readonly Kept[] {
    const ids = kept.map(({ stanza }) => idOf(stanza))
    this.change(outgoing => isUncertain(outgoing) && ids.includes(outgoing.id), waiting)
    return kept.filter((_, index) => !this.all.some(({ id }) => id === ids[index]))
  }

  /** `again`: the message will be sent once more. Undefined if `error` is not about a message of this tab. */
  takeBack(error: Element): 'again' | 'failed' | undefined {
    const id = error.getAttribute('id')
    const from = error.getAttribute('from')?.toLowerCase()
    // Errors count only from the recipient's address, because all occupants of a room know the id.
    const found = this.all.find(outgoing => outgoing.id === id && addressOf(outgoing).toLowerCase() === from)
    if (!found || error.getAttribute('type') !== 'error') return undefined
    const isFound = (outgoing: Outgoing) => outgoing === found
    if (!isUnconfirmed(error) || found.isAgain || found.failure) {
      if (!found.failure) this.change(isFound, failed(reasonFor(error)))
      return 'failed'
    }
    this.change(isFound, { ...waiting, isAgain: true, turn: Symbol() })
    return 'again'
  }

  /** Otherwise, each next session would end by the same message. Returns the message. */
  failTooLong(): Outgoing | undefined {
    const [longest] = this.all
      .filter(outgoing => isPending(outgoing) && isGiven(outgoing) && outgoing.xml.length >= leastTooLong)
      .sort((one, other) => other.xml.length - one.xml.length)
    this.change(outgoing => outgoing === longest, failed(tooLong))
    return longest
  }

  /** Returns each unsent message once per connection, except messages in `kept`, which Strophe repeats. */
  unsent(kept: readonly (string | null)[] = []): Element[] {
    const next = this.all.filter(outgoing => !isGiven(outgoing) && !kept.includes(outgoing.id))
    this.change(outgoing => next.includes(outgoing), { isQueued: true })
    return next.map(readStanza).filter(({ localName }) => localName === 'message')
  }

  /** A later page of the tab has taken the stanzas over, and may have sent them. */
  replace(outgoing: readonly Outgoing[], sent: readonly Outgoing[]): void {
    this.all = [...sent.map(stanza => ({ ...stanza, isSent: true })), ...outgoing]
  }

  clear(): void {
    this.all = []
    this.onChange()
  }

  protected change(isMeant: Test, values: Partial<Outgoing>): void {
    const meant = this.all.filter(isMeant)
    if (meant.length === 0) return
    this.#keep(this.all.map(outgoing => (meant.includes(outgoing) ? { ...outgoing, ...values } : outgoing)))
  }

  #keep(all: readonly Outgoing[]): void {
    let size = 0
    for (const { xml } of all) size += xml.length
    this.all = all.filter((outgoing, index) => {
      const isNewest = isPending(outgoing) && index >= all.length - mostPending
      const isKept = size <= mostKept || isNewest || !outgoing.isSent
      if (!isKept) size -= outgoing.xml.length
      return isKept
    })
    this.onChange()
  }
}

export const tooLong: Failure = ['policy-violation', 'The message is too long.']

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

export const failed = (failure: Failure) => ({ isSent: true, isAgain: false, isConfirmed: false, failure })

export const isPending = ({ isConfirmed, failure }: Outgoing) => !isConfirmed && !failure

const isUncertain = (outgoing: Outgoing) => outgoing.isSent === true && isPending(outgoing)

/** Strophe has it, or has sent it. */
export const isGiven = ({ isQueued, rid, isSent }: Outgoing) =>
  isQueued === true || rid !== undefined || isSent === true

export const addressOf = (outgoing: Outgoing) => readStanza(outgoing).getAttribute('to') ?? ''

export const idOf = (xml: string): string | null => readStanza({ xml }).getAttribute('id')

export function readStanza({ xml }: Pick<Outgoing, 'xml'>): Element {
  return new DOMParser().parseFromString(xml, 'text/xml').documentElement
}
