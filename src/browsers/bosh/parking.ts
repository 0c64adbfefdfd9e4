import type { Session } from '../../session/session.js'
import { type Body, errorBody, parseBody } from './body.js'
import type { BoshParts, Delivery } from './delivery.js'
import type { Pending } from './open-requests.js'
import { busyAnswer } from './peer.js'
import type { Fault, RequestRules } from './request-rules.js'
import { heldUntil, type Terms } from './terms.js'

const gapSeconds = 30
const mostBeforeLogin = 16 * 1024
const parkedBytesWithoutText = 1024

/** Parked requests wait for an earlier request, or for the rate limit of the uplink. */
export class Parking {
  readonly #session: Session
  readonly #parts: BoshParts
  readonly #terms: Terms
  readonly #delivery: Delivery
  readonly #rules: RequestRules

  constructor(session: Session, parts: BoshParts, terms: Terms, delivery: Delivery, rules: RequestRules) {
    this.#session = session
    this.#parts = parts
    this.#terms = terms
    this.#delivery = delivery
    this.#rules = rules
  }

  get hasNext(): boolean {
    return this.#delivery.open.parked(this.#delivery.window.last + 1) !== undefined
  }

  takeNext(): { readonly pending: Pending; readonly body: Body } | undefined {
    const pending = this.#delivery.open.unpark(this.#delivery.window.last + 1)
    if (pending === undefined) return undefined
    const body = parseBody(pending.parked!.text)
    pending.parked = undefined
    pending.expires = heldUntil(this.#terms, pending.since)
    return { pending, body }
  }

  park(pending: Pending, body: Body): Fault | undefined {
    const { open } = this.#delivery
    const older = open.parked(pending.rid)
    const fault = older && this.#rules.brokenByRepeat(older, body)
    if (fault !== undefined) return fault
    const { text } = body
    const length = open.parkedLength + text.length - (older?.parked?.text.length ?? 0)
    const room = this.#parts.bodies.ofMessage(pending.peer.address)
    const isKept = this.#session.jid !== undefined || length <= mostBeforeLogin
    // A character above U+00FF doubles the memory of the whole text.
    if (!isKept || !room.resize(2 * text.length + parkedBytesWithoutText)) {
      this.#defer(pending)
      return undefined
    }
    pending.parked = { text, room }
    pending.expires = pending.since + Math.min(this.#terms.wait, gapSeconds) * 1000
    if (older !== undefined) pending.repeats = older.repeats + 1
    open.park(pending)
    older?.peer.answer(this.#delivery.wrap(errorBody))
    return undefined
  }

  #defer({ peer, since }: Pending): void {
    this.#parts.counts.failedRequests += 1
    peer.answer(busyAnswer)
    this.#delivery.beginInactivity(since)
  }
}
