/** A stanza that may not have arrived, and the BOSH request that it left with, if it has. */
export interface Outgoing {
  readonly id: string | null
  readonly xml: string
  readonly rid?: number
}

/** What the page sends and may have to send again: its session tells which of its requests have arrived. */
export class Departures {
  #outgoing: Outgoing[]
  #newest = 0
  /** How many requests may be under way at once. */
  #requests = 2

  constructor(outgoing: readonly Outgoing[]) {
    this.#outgoing = [...outgoing]
  }

  get all(): readonly Outgoing[] {
    return this.#outgoing
  }

  /** The rid to send next. */
  get nextRid(): number {
    return this.#newest + 1
  }

  add(stanza: Element): void {
    this.#outgoing.push({ id: stanza.getAttribute('id'), xml: new XMLSerializer().serializeToString(stanza) })
  }

  /** Another session, or another page of it: rids begin elsewhere. `received` is the last one that has arrived. */
  goOn(rid: number, requests: number, received: number | undefined): void {
    this.#requests = requests
    this.#newest = rid - 1
    if (received !== undefined) this.#outgoing = this.#outgoing.filter(({ rid: own }) => !(own! <= received))
    this.#outgoing = this.#outgoing.map(({ id, xml }) => ({ id, xml }))
  }

  /** A request leaves, for the first time or again. Those that could not be under way beside it have arrived. */
  note(body: Element): void {
    const rid = Number(body.getAttribute('rid'))
    this.#newest = Math.max(this.#newest, rid)
    const leaving = new Set([...body.children].map(child => child.getAttribute('id')))
    this.#outgoing = this.#outgoing
      .map(outgoing => (leaving.has(outgoing.id) ? { ...outgoing, rid } : outgoing))
      .filter(({ rid: own }) => !(own! <= this.#newest - this.#requests))
  }

  /** Those that have not left yet, or have to leave once more, in order. */
  unsent(): Element[] {
    const parser = new DOMParser()
    return this.#outgoing
      .filter(({ rid }) => rid === undefined)
      .map(({ xml }) => parser.parseFromString(xml, 'text/xml').documentElement)
      .filter(({ localName }) => localName === 'message')
  }

  clear(): void {
    this.#outgoing = []
  }
}
