import { randomText } from '../../lib/text/random-text.js'
import { memoryOf } from '../../session/outbox.js'
import { smNamespace } from '../../xmpp/namespaces.js'
import type { Element } from '../../xmpp/xml/element.js'

/** Counts go round here (XEP-0198 §4). */
const wrap = 2 ** 32

/** How much may be sent and not acknowledged, in stanzas and in UTF-16 units; more waits in the outbox until some of it is. */
export const mostUnacknowledged = 1000
export const longestUnacknowledged = 1024 * 1024

/** What is counted: nothing else that may stand in a stream (XEP-0198 §4). */
export function isStanza({ name, namespace }: Element): boolean {
  return namespace === 'jabber:client' && (name === 'message' || name === 'presence' || name === 'iq')
}

/** What is left of a stream whose connection is gone, as long as its stanzas wait in the outbox in front of all others. */
export interface Resumption {
  readonly id: string
  /** How many stanzas of the client were taken. */
  readonly received: number
  /** How many stanzas the client has acknowledged. */
  readonly acknowledged: number
  /** Those sent after them. */
  readonly unacknowledged: readonly Element[]
  /** How many stanzas before these were sent before the client counted. A client that resumes has them. */
  readonly uncounted: number
}

type Counted = Pick<Resumption, 'id' | 'received' | 'acknowledged'>

/** Stanzas sent and received on the stream of a page, and which of them have certainly arrived (XEP-0198). */
export class StreamManagement {
  /** What the client resumes by; it is no secret, a token is demanded before. */
  readonly id: string
  #received: number
  #acknowledged: number
  #unacknowledged: Element[] = []
  #size = 0
  /** Whether the client has been asked what it has received, and has not said so yet. */
  #isAsked = false

  /** How many of the stanzas that were sent before have arrived after all; they wait in front of all others. */
  readonly arrived: number

  constructor({ id, received, acknowledged }: Counted = fresh(), arrived = 0) {
    this.id = id
    this.#received = received
    this.#acknowledged = acknowledged
    this.arrived = arrived
  }

  /** Goes on with a client that has received `count`; undefined where that cannot be. */
  static resume(before: Resumption, count: number): StreamManagement | undefined {
    const arrived = stanzasUpTo(count, before.acknowledged, before.unacknowledged.length)
    if (arrived === undefined || arrived < 0) return undefined
    return new StreamManagement({ ...before, acknowledged: count }, before.uncounted + arrived)
  }

  /** The rest of the stream. `uncounted` stanzas were sent before the client counted, and may not have arrived. */
  resumption(uncounted: number): Resumption {
    return {
      uncounted,
      id: this.id,
      received: this.#received,
      acknowledged: this.#acknowledged,
      unacknowledged: this.#unacknowledged,
    }
  }

  /** Memory of the stanzas that are not acknowledged, in bytes. */
  get bytes(): number {
    return memoryOf(this.#size, this.#unacknowledged.length)
  }

  /** Whether so much is not acknowledged that no more should be sent. */
  get isFull(): boolean {
    return this.#unacknowledged.length >= mostUnacknowledged || this.#size > longestUnacknowledged
  }

  /** A stanza of the client was taken. */
  took(): void {
    this.#received = (this.#received + 1) % wrap
  }

  /** These were sent. */
  sent(elements: readonly Element[]): void {
    for (const element of elements) {
      if (!isStanza(element)) continue
      this.#unacknowledged.push(element)
      this.#size += element.text.length
    }
  }

  /** Whether the client is to be asked now which have arrived; takes note that it is. */
  asks(): boolean {
    if (this.#isAsked || this.#unacknowledged.length === 0) return false
    this.#isAsked = true
    return true
  }

  /** The client has received so many. Returns how many more that are than before, undefined where they cannot be so many. */
  acknowledge(count: number): number | undefined {
    const arrived = stanzasUpTo(count, this.#acknowledged, this.#unacknowledged.length)
    // xmpp.js counts from the beginning again when it takes its leave.
    if (arrived === undefined || arrived < 0) return arrived
    for (const { text } of this.#unacknowledged.splice(0, arrived)) this.#size -= text.length
    this.#acknowledged = count
    this.#isAsked = false
    return arrived
  }

  /** What says how many stanzas of the client have been taken. */
  get answer(): string {
    return `<a xmlns='${smNamespace}' h='${this.#received}'/>`
  }

  /** What tells the client that the stream is resumed. */
  get resumed(): string {
    return `<resumed xmlns='${smNamespace}' previd='${this.id}' h='${this.#received}'/>`
  }

  /** What tells it for how long it may be, in seconds. */
  enabled(seconds: number): string {
    return `<enabled xmlns='${smNamespace}' id='${this.id}' resume='true' max='${seconds}'/>`
  }
}

/** Asks which stanzas have arrived. */
export const request = `<r xmlns='${smNamespace}'/>`

/**
 * Of so many stanzas that were sent behind those `acknowledged`, how many a client has that has received `count`: fewer than
 * none where it had acknowledged more before, undefined where more than were sent.
 */
function stanzasUpTo(count: number, acknowledged: number, sent: number): number | undefined {
  const arrived = (count - acknowledged + wrap) % wrap
  if (arrived >= wrap / 2) return arrived - wrap
  return arrived <= sent ? arrived : undefined
}

/** A count as a client writes it; undefined where it is none. */
export function readCount(text: string | undefined): number | undefined {
  const count = /^\d{1,10}$/.test(text ?? '') ? Number(text) : wrap
  return count < wrap ? count : undefined
}

function fresh(): Counted {
  return { id: randomText(16, 'hex'), received: 0, acknowledged: 0 }
}
