// A session that sends a message to itself, waits for it in a poll, and sends the next. Two requests at a
// time, rids in order, always one open, as a browser does it.
import type { LoggedIn } from '../test/support/bosh-login.js'
import { terminateBody } from './sessions.js'
import { boshRoute, Lane } from './wire.js'

export interface ChatOptions {
  readonly port: number
  /** A new poll goes out before each message, as when people type slowly; else the message is the next poll. */
  readonly pollFirst: boolean
  /** Called with each round trip's milliseconds. */
  readonly arrived: (milliseconds: number) => void
  /** Called when the session is lost. */
  readonly failed: (error: Error) => void
}

export class Chat {
  readonly #options: ChatOptions
  readonly #session: LoggedIn
  readonly #lanes: readonly Lane[]
  readonly #head: string
  #rid: number
  #open = 0
  #serial = 0
  #awaited = ''
  #sentAt = 0
  #ended: (() => void) | undefined

  constructor(session: LoggedIn, options: ChatOptions) {
    this.#options = options
    this.#session = session
    this.#rid = session.rid
    const route = boshRoute(options.port)
    this.#lanes = [new Lane(route), new Lane(route)]
    this.#head = `<body xmlns='http://jabber.org/protocol/httpbind' sid='${session.sid}' rid='`
  }

  /** Opens the first poll and waits. */
  poll(): void {
    this.#post(`${this.#head}${this.#rid++}'/>`)
  }

  /** Sends the first message; the following ones go by themselves. */
  sendNext(): void {
    if (this.#open === 0 && this.#options.pollFirst) this.poll()
    this.#awaited = `>word ${++this.#serial}<`
    this.#sentAt = performance.now()
    const message = `<message xmlns='jabber:client' to='${this.#session.jid}' type='chat'><body${this.#awaited}/body></message>`
    this.#post(`${this.#head}${this.#rid++}'>${message}</body>`)
  }

  /** Ends the session as soon as a request is free for it. */
  async end(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#ended = resolve
      if (this.#open < 2) resolve()
    })
    await this.#freeLane().ask(terminateBody(this.#session.sid, this.#rid++))
    for (const lane of this.#lanes) lane.close()
  }

  #post(body: string): void {
    this.#open++
    this.#freeLane().post(body, (error, text, status) => {
      this.#open--
      this.#read(error, text, status)
    })
  }

  #read(error: Error | undefined, text: string, status: number): void {
    if (this.#ended) {
      this.#ended()
      return
    }
    // A terminate says so in its first tag; the messages never hold the word.
    if (error || status !== 200 || text.includes('terminate')) {
      this.#options.failed(error ?? new Error(`chat: HTTP ${status}: ${text.slice(0, 300)}`))
      return
    }
    if (this.#awaited !== '' && text.includes(this.#awaited)) {
      this.#options.arrived(performance.now() - this.#sentAt)
      this.sendNext()
    } else if (this.#open === 0) {
      this.poll()
    }
  }

  #freeLane(): Lane {
    const lane = this.#lanes.find(each => !each.busy)
    if (!lane) throw new Error('a third request')
    return lane
  }
}
