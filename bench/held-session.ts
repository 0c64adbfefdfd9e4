// A session that waits nearly all of the time, as a page does: one request always held, and now and then a message
// to itself. Costs one connection; the second request borrows one for as long as both are open. Or one that pauses
// between its messages (XEP-0124 §10), which costs none in the meantime.
import type { LoggedIn } from '../test/support/bosh-login.js'
import { boshRoute, Lane } from './wire.js'

export interface HeldSessionOptions {
  readonly port: number
  /** Connections that no session needs at the moment. */
  readonly spare: Lane[]
  /** How long it pauses after each message, in seconds; undefined where it holds a request. */
  readonly pauseSeconds?: number | undefined
  /** Called with each message's way there and back, in milliseconds. */
  readonly arrived: (milliseconds: number) => void
  /** Called once, when the session is over. */
  readonly lost: (reason: string) => void
}

export class HeldSession {
  readonly #options: HeldSessionOptions
  readonly #jid: string
  readonly #head: string
  readonly #lanes: Lane[]
  #rid: number
  #serial = 0
  #awaited: string | undefined
  #sentAt = 0
  #isLost = false
  /** Whether what it waits for is the answer to a pause, behind which it needs no connection. */
  #isPausing = false

  constructor(session: LoggedIn, options: HeldSessionOptions) {
    this.#options = options
    this.#jid = session.jid
    this.#rid = session.rid
    this.#head = `<body xmlns='http://jabber.org/protocol/httpbind' sid='${session.sid}' rid='`
    this.#lanes = [this.#lane()]
    this.#wait(this.#lanes[0]!)
  }

  /** Whether it lives and its last message has not come back. */
  get isWaiting(): boolean {
    return this.#awaited !== undefined
  }

  /** Sends a message to itself, unless the last one is still on its way. */
  say(): void {
    if (this.#isLost || this.isWaiting) return
    this.#awaited = `>word ${++this.#serial}<`
    this.#sentAt = performance.now()
    const lane = this.#lane()
    this.#lanes.push(lane)
    const message = `<message xmlns='jabber:client' to='${this.#jid}' type='chat'><body${this.#awaited}/body></message>`
    this.#post(lane, `${this.#head}${this.#rid++}'>${message}</body>`)
  }

  /** Drops its connections. The session is left to the server. */
  close(): void {
    this.#isLost = true
    this.#awaited = undefined
    for (const lane of this.#lanes) lane.close()
  }

  #lane(): Lane {
    return this.#options.spare.pop() ?? new Lane(boshRoute(this.#options.port))
  }

  #wait(lane: Lane): void {
    const { pauseSeconds } = this.#options
    this.#isPausing = pauseSeconds !== undefined
    const pause = this.#isPausing ? ` pause='${pauseSeconds}'` : ''
    this.#post(lane, `${this.#head}${this.#rid++}'${pause}/>`)
  }

  #post(lane: Lane, body: string): void {
    lane.post(body, (error, text, status) => {
      if (this.#isLost) return
      // A terminate says so in its first tag; the messages never hold the word.
      if (error || status !== 200 || text.includes('terminate')) {
        this.close()
        this.#options.lost(error?.message ?? `HTTP ${status}: ${text.slice(0, 300)}`)
        return
      }
      if (this.#awaited !== undefined && text.includes(this.#awaited)) {
        this.#awaited = undefined
        this.#options.arrived(performance.now() - this.#sentAt)
      }
      this.#rest(lane)
    })
  }

  /** The lane is free again: what to do with it. */
  #rest(lane: Lane): void {
    if (this.#lanes.length === 1 && !this.#isPausing) {
      this.#wait(lane)
      return
    }
    this.#isPausing = false
    this.#lanes.splice(this.#lanes.indexOf(lane), 1)
    this.#options.spare.push(lane)
  }
}
