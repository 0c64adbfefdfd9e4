import { inspect, type Payload } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import type { Body } from './body.js'
import type { OpenRequests } from './open-requests.js'
import type { RidWindow } from './rid-window.js'

/** Two requests that a page repeats can arrive in either order, and wait for the session in other processes. */
const catchUpMilliseconds = 1_500

interface CatchUpParts {
  readonly session: Session
  readonly window: RidWindow
  readonly open: OpenRequests
}

/** The first requests after the death of a process, which can be ahead of the session's record. */
export class CatchUp {
  readonly #parts: CatchUpParts
  /** When requests after a gap are accepted, because the process that died had accepted those before. */
  at = Number.POSITIVE_INFINITY

  constructor(parts: CatchUpParts) {
    this.#parts = parts
  }

  /** A request is the first that the record lacks. */
  next(): void {
    // If the last page used a WebSocket, the record lacks stanzas of that page.
    this.#ends(this.#parts.session.outbox.resumption === undefined)
  }

  /** Others are missing before a request. */
  early(): void {
    const { session, window } = this.#parts
    if (window.isBehind && this.at === Number.POSITIVE_INFINITY) this.at = session.now + catchUpMilliseconds
  }

  /** A request before the gap comes after all. Returns why it is refused. */
  late({ rid, payload, terminate }: Body): Payload['fault'] {
    const { session, window } = this.#parts
    const inspected = inspect(payload, session.keeper.common)
    if (inspected.fault !== undefined) return inspected.fault
    window.late(rid!)
    // Its stanzas are not those that the server has got and the record lacks.
    session.uplink.managed?.unrecorded?.pageComes(false)
    session.keeper.keepNow(session)
    if (session.hasEnded) session.downlink.returnToClient(payload)
    else session.send(inspected, session.now)
    if (terminate) session.end('client', 'loggedOut')
    return undefined
  }

  tick(now: number): void {
    const { session, window, open } = this.#parts
    if (now < this.at) return
    this.at = Number.POSITIVE_INFINITY
    const first = open.lowestParked
    if (first === undefined || !window.isBehind) return
    window.skipTo(first)
    session.keeper.keepNow(session)
    this.#ends(false)
  }

  #ends(isRepeated: boolean): void {
    this.at = Number.POSITIVE_INFINITY
    if (this.#parts.window.isBehind) this.#parts.session.uplink.managed?.unrecorded?.pageComes(isRepeated)
  }
}
