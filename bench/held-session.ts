// A session that holds a request or pauses (XEP-0124 §10), and sometimes sends a message to itself.
import type { LoggedIn } from '../test/support/bosh-login.js'
import { HttpLane, xmlRoute } from './http-lane.js'
import { bodyHead, failureOf, messageTo, word } from './talks.js'

export interface HeldSessionOptions {
  readonly port: number
  readonly spare: HttpLane[]
  readonly pauseSeconds?: number | undefined
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
  #isPausing = false

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
    return this.options.spare.pop() ?? new HttpLane(xmlRoute(this.options.port))
  }

  #wait(lane: HttpLane): void {
    const { pauseSeconds } = this.options
    this.#isPausing = pauseSeconds !== undefined
    const pause = this.#isPausing ? ` pause='${pauseSeconds}'` : ''
    this.#post(lane, `${this.#head}${this.#rid++}'${pause}/>`)
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
    if (this.#lanes.length === 1 && !this.#isPausing) {
      this.#wait(lane)
      return
    }
    this.#isPausing = false
    this.#lanes.splice(this.#lanes.indexOf(lane), 1)
    this.options.spare.push(lane)
  }
}
