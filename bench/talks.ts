import type { LoggedIn } from '../test/support/bosh-login.js'
import { HttpLane, xmlRoute } from './http-lane.js'
import { closeFrame, type SocketSession, terminateBody } from './sessions.js'

export interface Talk {
  sendNext(): void
  end(): Promise<void>
}

interface TalkEvents {
  readonly arrived: (milliseconds: number) => void
  readonly failed: (error: Error) => void
}

const word = (serial: number) => `>word ${serial}<`
const messageTo = (jid: string, text: string) =>
  `<message xmlns='jabber:client' to='${jid}' type='chat'><body${text}/body></message>`
export const bodyHead = (sid: string) => `<body xmlns='http://jabber.org/protocol/httpbind' sid='${sid}' rid='`

/** A reply with `terminate` ends the session. Messages of a talk do not contain this word. */
function failureOf(error: Error | undefined, text: string, status: number): Error | undefined {
  if (error !== undefined || (status === 200 && !text.includes('terminate'))) return error
  return new Error(`HTTP ${status}: ${text.slice(0, 300)}`)
}

interface BoshTalkOptions extends TalkEvents {
  readonly port: number
  readonly host?: string | undefined
  readonly pollFirst?: boolean
  /** Unused connections, shared by talks. With `spare`, the caller must call `sendNext` for each message. */
  readonly spare?: HttpLane[]
}

/** Keeps one request open from the start, and sends at most one more, in order, as Strophe does. */
export class BoshTalk implements Talk {
  readonly #lanes: HttpLane[] = []
  readonly #head: string
  #rid: number
  #open = 0
  #serial = 0
  #awaited = ''
  #sentAt = 0
  #ended: (() => void) | undefined

  constructor(
    readonly session: LoggedIn,
    readonly options: BoshTalkOptions,
  ) {
    this.#rid = session.rid
    this.#head = bodyHead(session.sid)
    this.#poll()
  }

  get isWaiting(): boolean {
    return this.#awaited !== ''
  }

  get isClosed(): boolean {
    return this.#ended !== undefined
  }

  #poll(): void {
    this.#post(`${this.#head}${this.#rid++}'/>`)
  }

  sendNext(): void {
    if (this.#open === 0 && this.options.pollFirst === true) this.#poll()
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
    this.close()
  }

  close(): void {
    const { spare } = this.options
    this.#ended = () => {}
    this.#awaited = ''
    // Connections are reused, because new connections would use up the local ports.
    for (const lane of this.#lanes.splice(0)) {
      if (spare === undefined || lane.busy) lane.close()
      else spare.push(lane)
    }
  }

  #post(body: string): void {
    const { spare } = this.options
    const lane = this.#freeLane()
    this.#open++
    lane.post(body, (error, text, status) => {
      this.#open--
      if (this.#ended !== undefined) return this.#ended()
      if (spare !== undefined && this.#open > 0) spare.push(...this.#lanes.splice(this.#lanes.indexOf(lane), 1))
      this.#read(failureOf(error, text, status), text)
    })
  }

  #read(failure: Error | undefined, text: string): void {
    const { failed, arrived, spare } = this.options
    if (failure !== undefined) {
      this.close()
      failed(failure)
      return
    }
    const isWord = this.isWaiting && text.includes(this.#awaited)
    if (isWord) {
      this.#awaited = ''
      arrived(performance.now() - this.#sentAt)
      if (this.isClosed) return
    }
    if (isWord && spare === undefined) this.sendNext()
    else if (this.#open === 0) this.#poll()
  }

  #freeLane(): HttpLane {
    const { spare, port, host } = this.options
    let lane = this.#lanes.find(each => !each.busy)
    if (lane === undefined) {
      if (this.#lanes.length === 2) throw new Error('a third request')
      lane = spare?.pop() ?? new HttpLane({ ...xmlRoute(port), host })
      this.#lanes.push(lane)
    }
    return lane
  }
}

export const holdEach = (sessions: readonly LoggedIn[], about: BoshTalkOptions): BoshTalk[] =>
  sessions.map(session => new BoshTalk(session, about))

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

interface PostPairsOptions extends TalkEvents {
  readonly port: number
  readonly path: string
  readonly bodies: readonly [string, string]
}

/** Posts two bodies at a time. */
export class PostPairs implements Talk {
  readonly #lanes: readonly HttpLane[]
  #isOver = false

  constructor(readonly options: PostPairsOptions) {
    this.#lanes = options.bodies.map(() => new HttpLane(xmlRoute(options.port, options.path)))
  }

  sendNext(): void {
    this.#postAll().catch(this.options.failed)
  }

  async end(): Promise<void> {
    this.#isOver = true
    for (const lane of this.#lanes) lane.close()
  }

  async #postAll(): Promise<void> {
    const { bodies, arrived } = this.options
    while (!this.#isOver) {
      const start = performance.now()
      await Promise.all(this.#lanes.map((lane, index) => lane.ask(bodies[index]!)))
      arrived(performance.now() - start)
    }
  }
}
