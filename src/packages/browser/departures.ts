/** A stanza that may not have arrived, and the rid of its request. */
export interface Outgoing {
  readonly id: string | null
  readonly xml: string
  readonly rid?: number
  readonly isAgain?: boolean
}

/** In UTF-16 units. Messages that may be returned are kept up to this size. */
const mostSent = 100_000

export class Departures {
  #outgoing: readonly Outgoing[]
  /** Stanzas that the session has received, but perhaps not the server. */
  #sent: readonly Outgoing[]
  /** Stanzas that Strophe will send in one of the next requests. */
  readonly #queued = new WeakSet<Outgoing>()
  #newest = 0
  #requests = 2

  constructor(outgoing: readonly Outgoing[], sent: readonly Outgoing[]) {
    this.#outgoing = outgoing
    this.#sent = sent
  }

  get all(): readonly Outgoing[] {
    return this.#outgoing
  }

  get sent(): readonly Outgoing[] {
    return this.#sent
  }

  get nextRid(): number {
    return this.#newest + 1
  }

  add(stanza: Element, isQueued = false): void {
    const outgoing = noted(stanza)
    if (isQueued) this.#queued.add(outgoing)
    this.#outgoing = [...this.#outgoing, outgoing]
  }

  addSent(stanza: Element): void {
    this.#keep([noted(stanza)])
  }

  /** Continues with other rids. `received`: the last request that arrived. */
  goOn(rid: number, requests: number, received: number | undefined): void {
    this.#requests = requests
    this.#newest = rid - 1
    if (received !== undefined) this.arrived(received)
    this.#outgoing = this.#outgoing.map(({ rid: _, ...outgoing }) => outgoing)
  }

  note(body: Element): void {
    const rid = Number(body.getAttribute('rid'))
    this.#newest = Math.max(this.#newest, rid)
    const leaving = new Set([...body.children].map(child => child.getAttribute('id')))
    this.#outgoing = this.#outgoing.map(outgoing => (leaving.has(outgoing.id) ? { ...outgoing, rid } : outgoing))
    this.arrived(this.#newest - this.#requests)
  }

  arrived(received?: number): void {
    const has = ({ rid }: Outgoing) => received === undefined || rid! <= received
    this.#keep(this.#outgoing.filter(has))
    this.#outgoing = this.#outgoing.filter(outgoing => !has(outgoing))
  }

  #keep(sent: readonly Outgoing[]): void {
    if (sent.length === 0) return
    const all = [...this.#sent, ...sent]
    while (all.map(({ xml }) => xml).join('').length > mostSent) all.shift()
    this.#sent = all
  }

  /** Puts a returned stanza back. Returns false the second time. */
  takeBack(error: Element): boolean {
    const id = error.getAttribute('id')
    const from = error.getAttribute('from')
    const found = [...this.#sent, ...this.#outgoing].find(
      outgoing => outgoing.id === id && !outgoing.isAgain && readStanza(outgoing).getAttribute('to') === from,
    )
    if (found === undefined || !isUnconfirmed(error)) return false
    const isOther = (outgoing: Outgoing) => outgoing !== found
    this.#sent = this.#sent.filter(isOther)
    const others = this.#outgoing.filter(isOther)
    // The stanza goes before messages that were written later.
    const back = { id, xml: found.xml, isAgain: true }
    this.#outgoing = [...others.filter(({ isAgain }) => isAgain), back, ...others.filter(({ isAgain }) => !isAgain)]
    return true
  }

  /** Stanzas to send again, each once for a connection. `kept`: text that Strophe itself sends again. */
  unsent(kept = ''): Element[] {
    const unsent = this.#outgoing.filter(
      outgoing =>
        outgoing.rid === undefined && !(outgoing.id && kept.includes(outgoing.id)) && !this.#queued.has(outgoing),
    )
    for (const outgoing of unsent) this.#queued.add(outgoing)
    return unsent.map(readStanza).filter(({ localName }) => localName === 'message')
  }

  clear(): void {
    this.#outgoing = this.#sent = []
  }
}

/** Whether the error is for a stanza that a server has not confirmed. */
export function isUnconfirmed(stanza: Element): boolean {
  return stanza.getAttribute('type') === 'error' && stanza.getElementsByTagName('remote-server-timeout').length > 0
}

function noted(stanza: Element): Outgoing {
  return { id: stanza.getAttribute('id'), xml: new XMLSerializer().serializeToString(stanza) }
}

function readStanza({ xml }: Outgoing): Element {
  return new DOMParser().parseFromString(xml, 'text/xml').documentElement
}
