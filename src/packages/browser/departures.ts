/** A stanza that may not have arrived, and the rid of its request. */
export interface Outgoing {
  readonly id: string | null
  readonly xml: string
  readonly rid?: number
}

/** Until the session confirms them. */
export class Departures {
  #outgoing: Outgoing[]
  #newest = 0
  #requests = 2

  constructor(outgoing: readonly Outgoing[]) {
    this.#outgoing = [...outgoing]
  }

  get all(): readonly Outgoing[] {
    return this.#outgoing
  }

  /** Next rid. */
  get nextRid(): number {
    return this.#newest + 1
  }

  add(stanza: Element): void {
    this.#outgoing.push({ id: stanza.getAttribute('id'), xml: new XMLSerializer().serializeToString(stanza) })
  }

  /** Continues with other rids. `received` is the last request that arrived. */
  goOn(rid: number, requests: number, received: number | undefined): void {
    this.#requests = requests
    this.#newest = rid - 1
    if (received !== undefined) this.#outgoing = this.#outgoing.filter(({ rid: own }) => !(own! <= received))
    this.#outgoing = this.#outgoing.map(({ id, xml }) => ({ id, xml }))
  }

  /** A request is sent or repeated. Requests outside its window have arrived. */
  note(body: Element): void {
    const rid = Number(body.getAttribute('rid'))
    this.#newest = Math.max(this.#newest, rid)
    const leaving = new Set([...body.children].map(child => child.getAttribute('id')))
    this.#outgoing = this.#outgoing
      .map(outgoing => (leaving.has(outgoing.id) ? { ...outgoing, rid } : outgoing))
      .filter(({ rid: own }) => !(own! <= this.#newest - this.#requests))
  }

  /** In order. */
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
