// Holds a request, and sometimes sends itself a message.
import type { LoggedIn } from '../test/support/bosh-login.js'
import { HttpLane, xmlRoute } from './http-lane.js'
import { bodyHead, failureOf, messageTo, word } from './talks.js'

export interface HeldSessionOptions {
  readonly port: number
  readonly host?: string | undefined
  readonly spare: HttpLane[]
  readonly arrived: (milliseconds: number) => void
  readonly lost: (reason: string) => void
}

export class HeldSession {
  readonly #head: string
  readonly #lanes: HttpLane[]
  #rid: number
  #serial = 0
  #awaited: string | undefined
  #sentAt = 0
  #isClosed = false

  constructor(
    readonly session: LoggedIn,
    readonly options: HeldSessionOptions,
  ) {
    this.#rid = session.rid
    this.#head = bodyHead(session.sid)
    const lane = this.#lane()
    this.#lanes = [lane]
    this.#wait(lane)
  }

  get isWaiting(): boolean {
    return this.#awaited !== undefined
  }

  say(): void {
    if (this.#isClosed || this.isWaiting) return
    this.#awaited = word(++this.#serial)
    this.#sentAt = performance.now()
    const lane = this.#lane()
    this.#lanes.push(lane)
    this.#post(lane, `${this.#head}${this.#rid++}'>${messageTo(this.session.jid, this.#awaited)}</body>`)
  }

  close(): void {
    this.#isClosed = true
    this.#awaited = undefined
    for (const lane of this.#lanes) lane.close()
  }

  #lane(): HttpLane {
    const { spare, port, host } = this.options
    return spare.pop() ?? new HttpLane({ ...xmlRoute(port), host })
  }

  #wait(lane: HttpLane): void {
    this.#post(lane, `${this.#head}${this.#rid++}'/>`)
  }

  #post(lane: HttpLane, body: string): void {
    lane.post(body, (error, text, status) => {
      if (this.#isClosed) return
      const failure = failureOf(error, text, status)
      if (failure !== undefined) {
        this.close()
        this.options.lost(failure.message)
        return
      }
      if (this.#awaited !== undefined && text.includes(this.#awaited)) {
        this.#awaited = undefined
        this.options.arrived(performance.now() - this.#sentAt)
      }
      this.#reuse(lane)
    })
  }

  #reuse(lane: HttpLane): void {
    if (this.#lanes.length === 1) {
      this.#wait(lane)
      return
    }
    this.#lanes.splice(this.#lanes.indexOf(lane), 1)
    this.options.spare.push(lane)
  }
}
