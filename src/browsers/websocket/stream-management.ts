import { randomBytes } from 'node:crypto'
import { Unconfirmed } from '../../session/link/unconfirmed.js'
import { smNamespace } from '../../xmpp/namespaces.js'
import { countAnswer, countAttribute, stanzasUpTo, writeCounting } from '../../xmpp/stanza-counts.js'
import { startTagOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { attribute } from '../../xmpp/xml/escape.js'

/** Stanza counts that let the next page resume the stream, if the outbox still has the unacknowledged stanzas. */
export interface PageResumption {
  readonly id: string
  readonly received: number
  /** The page repeats all received stanzas above this count. */
  readonly answered?: number
  /** What a stored record counts. The page is told no more: a process that reads the record expects the rest again. */
  readonly recorded?: number
  readonly acknowledged: number
  readonly unacknowledged: number
  /** Stanzas sent before `<enable/>`. A client that resumes has received them. */
  readonly uncounted: number
  /** Of a process that died: the server repeats what the page may not have, so the outbox does not have it. */
  readonly isKept?: boolean
}

type Counted = Pick<PageResumption, 'id' | 'received' | 'acknowledged'>

export class StreamManagement {
  /** Not a secret, because a page needs a token to resume. */
  readonly id: string
  received: number
  #answered: number
  #acknowledged: number
  readonly unacknowledged = new Unconfirmed()
  /** Number of stanzas at the start of the outbox that a resuming client has already received. */
  readonly arrived: number
  /** Stanzas that the service has and the page sends again. The next is the last. Undefined: the server has it. */
  #repeats: (Element | undefined)[]

  constructor(before?: Counted, arrived = 0, repeats: (Element | undefined)[] = []) {
    this.id = before?.id ?? randomBytes(16).toString('hex')
    this.received = before?.received ?? 0
    this.#answered = this.received
    this.#acknowledged = before?.acknowledged ?? 0
    this.arrived = arrived
    this.#repeats = repeats
  }

  /**
   * `unsure`: stanzas that the server has not confirmed. The page must not forget these before, but after the death of
   * a process, it may have: the process can have confirmed what its record does not say.
   */
  static resume(before: PageResumption, count: number, unsure: readonly Element[]): StreamManagement | undefined {
    const { isKept = false, received, answered = received, recorded = received } = before
    const sent = isKept ? Number.MAX_SAFE_INTEGER : before.unacknowledged
    const arrived = stanzasUpTo(count, before.acknowledged, sent)
    if (arrived === undefined || arrived < 0) return undefined
    const told = isKept ? received : countToTell(answered, received - unsure.length, recorded)
    const counted = { id: before.id, received: told, acknowledged: count }
    const repeats = Array.from({ length: received - told }, (_, back) => unsure[unsure.length - 1 - back])
    return new StreamManagement(counted, isKept ? 0 : before.uncounted + arrived, repeats)
  }

  resumption(uncounted: number): PageResumption {
    return {
      uncounted,
      id: this.id,
      received: this.covered,
      answered: this.#answered,
      acknowledged: this.#acknowledged,
      unacknowledged: this.unacknowledged.stanzas.length,
    }
  }

  /** Returns true if the service already has this stanza. */
  took(stanza: Element): boolean {
    this.received += 1
    if (this.#repeats.length === 0) return false
    const expected = this.#repeats.pop()
    if (expected === undefined || isSame(stanza, expected)) return true
    this.#repeats = []
    return false
  }

  /** Returns the number of newly acknowledged stanzas, or undefined if `count` is impossible. */
  acknowledge(count: number): number | undefined {
    const arrived = stanzasUpTo(count, this.#acknowledged, this.unacknowledged.stanzas.length)
    // Negative if xmpp.js counts from 0 again after a disconnect.
    if (arrived === undefined || arrived < 0) return arrived
    this.unacknowledged.arrived(arrived)
    this.#acknowledged = count
    return arrived
  }

  /** XEP-0198 §8. */
  tooHigh(count: number): string {
    const sent = (this.#acknowledged + this.unacknowledged.stanzas.length) % 2 ** 32
    return `<handled-count-too-high xmlns='${smNamespace}'${attribute('h', count)}${attribute('send-count', sent)}/>`
  }

  /** With those that the page has still to repeat. */
  get covered(): number {
    return this.received + this.#repeats.length
  }

  /** `unsure`: stanzas that the server has not confirmed. `kept`: the count of a record for other processes. */
  answer(unsure: number, kept: number): string {
    this.#answered = countToTell(this.#answered, this.received - unsure, kept)
    return countAnswer(this.#answered)
  }

  get resumed(): string {
    return writeCounting('resumed', attribute('previd', this.id) + countAttribute(this.received))
  }

  enabled(seconds: number): string {
    return writeCounting('enabled', ` id='${this.id}' resume='true' max='${seconds}'`)
  }
}

/** The page forgets what it is told of, so the server has confirmed it and a record has it. The count never falls. */
function countToTell(told: number, confirmed: number, recorded: number): number {
  return Math.max(told, Math.min(confirmed, recorded))
}

/** A client may write a repeated stanza differently, but with the same id. */
function isSame(stanza: Element, before: Element): boolean {
  if (stanza.text === before.text) return true
  const id = startTagOf(stanza.text).attribute('id')
  return stanza.name === before.name && id !== undefined && id === startTagOf(before.text).attribute('id')
}
