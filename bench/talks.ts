import type { LoggedIn } from '../test/support/bosh-login.js'
import { HttpLane, xmlRoute } from './http-lane.js'
import { closeFrame, type SocketSession, terminateBody } from './sessions.js'

export interface Talk {
  poll(): void
  sendNext(): void
  end(): Promise<void>
}

export interface TalkEvents {
  readonly arrived: (milliseconds: number) => void
  readonly failed: (error: Error) => void
}

export const word = (serial: number) => `>word ${serial}<`
export const messageTo = (jid: string, text: string) =>
  `<message xmlns='jabber:client' to='${jid}' type='chat'><body${text}/body></message>`
export const bodyHead = (sid: string) => `<body xmlns='http://jabber.org/protocol/httpbind' sid='${sid}' rid='`

/** A reply with `terminate` is a failure, because no message contains this word. */
export function failureOf(error: Error | undefined, text: string, status: number): Error | undefined {
  if (error !== undefined || (status === 200 && !text.includes('terminate'))) return error
  return new Error(`HTTP ${status}: ${text.slice(0, 300)}`)
}

/** Two requests at a time, rids in order, one always open, as in a browser. */
export class BoshTalk implements Talk {
  readonly #lanes: readonly HttpLane[]
  readonly #head: string
  #rid: number
  #open = 0
  #serial = 0
  #awaited = ''
  #sentAt = 0
  #ended: (() => void) | undefined

  constructor(
    readonly session: LoggedIn,
    readonly options: TalkEvents & { readonly port: number; readonly pollFirst: boolean },
  ) {
    this.#rid = session.rid
    const route = xmlRoute(options.port)
    this.#lanes = [new HttpLane(route), new HttpLane(route)]
    this.#head = bodyHead(session.sid)
  }

  poll(): void {
    this.#post(`${this.#head}${this.#rid++}'/>`)
  }

  sendNext(): void {
    if (this.#open === 0 && this.options.pollFirst) this.poll()
    this.#awaited = word(++this.#serial)
    this.#sentAt = performance.now()
    this.#post(`${this.#head}${this.#rid++}'>${messageTo(this.session.jid, this.#awaited)}</body>`)
  }

  async end(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#ended = resolve
      if (this.#open < 2) resolve()
    })
    await this.#freeLane().ask(terminateBody(this.session.sid, this.#rid++))
    for (const lane of this.#lanes) lane.close()
  }

  #post(body: string): void {
    this.#open++
    this.#freeLane().post(body, (error, text, status) => {
      this.#open--
      if (this.#ended) this.#ended()
      else this.#read(failureOf(error, text, status), text)
    })
  }

  #read(failure: Error | undefined, text: string): void {
    if (failure !== undefined) this.options.failed(failure)
    else if (this.#awaited !== '' && text.includes(this.#awaited)) {
      this.options.arrived(performance.now() - this.#sentAt)
      this.sendNext()
    } else if (this.#open === 0) this.poll()
  }

  #freeLane(): HttpLane {
    const lane = this.#lanes.find(each => !each.busy)
    if (!lane) throw new Error('a third request')
    return lane
  }
}

export class WebSocketTalk implements Talk {
  #serial = 0
  #awaited = ''
  #sentAt = 0

  constructor(
    readonly session: SocketSession,
    readonly arrived: TalkEvents['arrived'],
  ) {
    session.lane.onMessage = message => this.#read(message)
  }

  poll(): void {}

  sendNext(): void {
    this.#awaited = word(++this.#serial)
    this.#sentAt = performance.now()
    this.session.lane.send(messageTo(this.session.jid, this.#awaited))
  }

  async end(): Promise<void> {
    this.session.lane.onMessage = () => {}
    await this.session.lane.leave(closeFrame)
  }

  #read(message: string): void {
    if (this.#awaited === '' || !message.includes(this.#awaited)) return
    this.arrived(performance.now() - this.#sentAt)
    this.sendNext()
  }
}

export class PostPairs implements Talk {
  readonly #lanes: readonly HttpLane[]
  #open = 0
  #sentAt = 0
  #isOver = false

  constructor(
    readonly options: TalkEvents & {
      readonly port: number
      readonly path: string
      readonly bodies: readonly [string, string]
    },
  ) {
    this.#lanes = options.bodies.map(() => new HttpLane(xmlRoute(options.port, options.path)))
  }

  poll(): void {}

  sendNext(): void {
    this.#sentAt = performance.now()
    this.#open = this.#lanes.length
    for (const [index, lane] of this.#lanes.entries())
      lane.post(this.options.bodies[index]!, (error, text, status) => this.#read(failureOf(error, text, status)))
  }

  async end(): Promise<void> {
    this.#isOver = true
    for (const lane of this.#lanes) lane.close()
  }

  #read(failure: Error | undefined): void {
    if (this.#isOver) return
    if (failure !== undefined) this.options.failed(failure)
    else if (--this.#open === 0) {
      this.options.arrived(performance.now() - this.#sentAt)
      this.sendNext()
    }
  }
}
