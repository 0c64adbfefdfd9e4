import { inspect } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import type { Body } from './body.js'
import type { Delivery } from './delivery.js'
import { type Fault, faultOf } from './request-rules.js'

/** Two requests that a page repeats can arrive in either order, and wait for the session in other processes. */
const catchUpMilliseconds = 1_500

/** The first requests after the death of a process, which can be ahead of the session's record. */
export class CatchUp {
  readonly #session: Session
  readonly #delivery: Delivery
  /** When requests after a gap are accepted, because the process that died had accepted those before. */
  at = Number.POSITIVE_INFINITY

  constructor(session: Session, delivery: Delivery) {
    this.#session = session
    this.#delivery = delivery
  }

  /** The next request comes: after the death of a process, the first that the record lacks. */
  next(): void {
    this.at = Number.POSITIVE_INFINITY
    const { outbox, uplink } = this.#session
    // If the last page used a WebSocket, the record lacks stanzas of that page.
    if (outbox.resumption !== undefined) uplink.managed?.unrecorded?.repeatsNoMore()
  }

  /** Others are missing before a request. */
  early(): void {
    const { isBehind } = this.#delivery.window
    if (isBehind && this.at === Number.POSITIVE_INFINITY) this.at = this.#session.now + catchUpMilliseconds
  }

  /** A request before the gap comes after all. Returns why it is refused. */
  late({ rid, payload, terminate }: Body): Fault | undefined {
    const session = this.#session
    const inspected = inspect(payload, session.keeper.common)
    if (inspected.fault !== undefined) return faultOf(inspected)
    this.#delivery.window.late(rid!)
    // Its stanzas are not those that the server has got and the record lacks.
    session.uplink.managed?.unrecorded?.repeatsNoMore()
    session.keeper.kept?.keepNow(session)
    if (session.hasEnded) session.downlink.returnToClient(payload)
    else session.send(inspected, session.now)
    if (terminate) session.end('client', 'loggedOut')
    return undefined
  }

  tick(now: number): void {
    const { window, open } = this.#delivery
    if (now < this.at) return
    this.at = Number.POSITIVE_INFINITY
    const first = open.lowestParked
    if (first === undefined || !window.isBehind) return
    window.skipTo(first)
    this.#session.keeper.kept?.keepNow(this.#session)
    this.#session.uplink.managed?.unrecorded?.repeatsNoMore()
  }
}
