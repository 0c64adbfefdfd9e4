import { randomText } from '../../lib/text/random-text.js'
import { Unconfirmed } from '../../session/link/unconfirmed.js'
import { countAnswer, countAttribute, stanzasUpTo, writeCounting } from '../../xmpp/stanza-counts.js'
import { attribute } from '../../xmpp/xml/escape.js'

/** Stanza counts that let the next page resume the stream, if the outbox still has the unacknowledged stanzas. */
export interface Resumption {
  readonly id: string
  readonly received: number
  readonly acknowledged: number
  readonly unacknowledged: number
  /** Stanzas sent before `<enable/>`. A client that resumes has received them. */
  readonly uncounted: number
}

type Counted = Pick<Resumption, 'id' | 'received' | 'acknowledged'>

export class StreamManagement {
  /** Not a secret, because a page needs a token to resume. */
  readonly id: string
  #received: number
  #answered: number
  #acknowledged: number
  readonly unacknowledged = new Unconfirmed()
  /** Number of stanzas at the start of the outbox that a resuming client has already received. */
  readonly arrived: number

  constructor({ id = randomText(16, 'hex'), received = 0, acknowledged = 0 }: Partial<Counted> = {}, arrived = 0) {
    this.id = id
    this.#received = received
    this.#answered = received
    this.#acknowledged = acknowledged
    this.arrived = arrived
  }

  static resume(before: Resumption, count: number): StreamManagement | undefined {
    const arrived = stanzasUpTo(count, before.acknowledged, before.unacknowledged)
    if (arrived === undefined || arrived < 0) return undefined
    return new StreamManagement({ ...before, acknowledged: count }, before.uncounted + arrived)
  }

  resumption(uncounted: number): Resumption {
    return {
      uncounted,
      id: this.id,
      received: this.#received,
      acknowledged: this.#acknowledged,
      unacknowledged: this.unacknowledged.stanzas.length,
    }
  }

  took(): void {
    this.#received += 1
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

  /** `unsure` is the number of stanzas that the server has not confirmed. The answered count never falls. */
  answer(unsure: number): string {
    this.#answered = Math.max(this.#answered, this.#received - unsure)
    return countAnswer(this.#answered)
  }

  get resumed(): string {
    return writeCounting('resumed', attribute('previd', this.id) + countAttribute(this.#received))
  }

  enabled(seconds: number): string {
    return writeCounting('enabled', ` id='${this.id}' resume='true' max='${seconds}'`)
  }
}
