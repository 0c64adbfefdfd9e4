// A page that comes over WebSocket: it logs in with a token, counts as XEP-0198 wants it, and reads when it likes.
import * as say from '../browsers/websocket/pages.js'
import type { BoshBench } from '../support/bosh-bench.js'
import { close, connectPage, type FakeWebSocket, open } from '../support/fake-web-socket.js'
import { numbersIn } from './client.js'
import { Broken } from './model.js'

export const logins = ['plain', 'sasl2', 'hashed', 'inline'] as const
export type Login = (typeof logins)[number]

/** How long the service waits for a page whose connection broke, in seconds. */
export const resumeSeconds = 90

const isStanza = (text: string) => /^<(?:message|iq|presence)[ >]/.test(text)
const isRefusal = /<(?:conflict|remote-connection-failed) /
const countIn = (text: string) => Number(/ h='(\d+)'/.exec(text)![1])

/** One page; it may come back over another connection, and go on with its stream. */
export class SocketPage {
  /** Numbers of the server's stanzas that it has read, in the order in which it did. */
  readonly read: number[] = []
  /** What it has sent, and is not where it is meant to be yet. */
  #air: string[] = []
  /** What it goes on by; undefined as long as it does not count. */
  streamId: string | undefined
  /** How many stanzas it has read on its stream, and numbers of those that it has sent. */
  #received = 0
  #sent: number[] = []
  /** How many messages of the connection were read by it, and how many were looked at. */
  #readUpTo = 0
  #looked = 0
  /** What was written on the stream, by number, and how many of these the service knows to have arrived. */
  #written: number[] = []
  #acknowledged = 0
  /** How many of its stanzas have arrived on the stream. */
  #arrived = 0
  #stanzas: number
  socket: FakeWebSocket
  /** Whether it has been told the full JID, or that its stream goes on. */
  isIn = false

  constructor(
    readonly bench: BoshBench,
    /** Its stanzas have numbers from here on. */
    readonly from: number,
    readonly counts: boolean,
  ) {
    this.#stanzas = from
    this.socket = connectPage(bench, { resumeSeconds })
  }

  /** Connects once more. */
  reconnect(): void {
    this.socket = connectPage(this.bench, { resumeSeconds })
    this.#readUpTo = 0
    this.#looked = 0
    this.#air = []
    this.isIn = false
  }

  /** Shows a token. True if it is let in; it has yet to say what it wants. */
  logIn(login: Login, token: string): boolean {
    this.socket.receive(open())
    this.#expect('<open xmlns=')
    this.#expect('<stream:features')
    if (login === 'plain') this.socket.receive(say.auth(token))
    else if (login === 'hashed') this.socket.receive(say.authenticateHashed(token))
    else this.socket.receive(say.authenticate(token, undefined, login === 'inline'))
    const answer = this.#next()
    if (answer === undefined) return false
    if (!answer.startsWith('<success')) throw new Broken(`a token gets ${answer}`)
    if (login === 'plain') {
      this.socket.receive(open())
      this.#expect('<open xmlns=')
    }
    this.#expect('<stream:features')
    this.isIn = login === 'inline'
    return true
  }

  /** Asks for a resource, unless it has one. False where another page came before. */
  bind(): boolean {
    if (!this.isIn) {
      this.socket.receive(say.bind)
      const answer = this.#next()
      if (answer !== undefined && isRefusal.test(answer)) return false
      if (answer?.includes('<jid>juliet@chat.example/balcony</jid>') !== true) throw new Broken(`a bind gets ${answer}`)
    }
    this.isIn = true
    this.read.length = 0
    this.streamId = undefined
    this.#received = 0
    this.#sent = []
    this.#arrived = 0
    this.#written = []
    this.#acknowledged = 0
    return true
  }

  /** Starts stream management. A page without it sends another element, and counts from there. */
  enable(): void {
    if (!this.counts) {
      const before = this.socket.sent.length
      this.socket.receive(say.request)
      this.take(before + 1 - this.#readUpTo)
      return
    }
    this.socket.receive(say.enable)
    // What was sent before is read first, and does not count.
    const at = this.socket.sent.findIndex(text => text.startsWith('<enabled '))
    if (at < 0) throw new Broken('it is not enabled')
    this.take(at + 1 - this.#readUpTo)
    this.streamId = / id='([^']+)'/.exec(this.socket.sent[at]!)![1]
    this.#received = 0
    this.#written = []
  }

  /** Wants its stream to go on; tells which stanzas it had read already, or why it does not go on. */
  resume(): { readonly numbers: readonly number[] } | 'gone' | 'conflict' {
    this.socket.receive(say.resume(this.streamId!, this.#received))
    const answer = this.#next()
    if (answer !== undefined && isRefusal.test(answer)) return 'conflict'
    if (answer?.startsWith('<failed') === true && answer.includes('<item-not-found')) return 'gone'
    if (answer?.startsWith('<resumed ') !== true) throw new Broken(`a resume gets ${answer}`)
    if (countIn(answer) !== this.#arrived)
      throw new Broken(`the service has ${countIn(answer)} of ${this.#arrived} stanzas`)
    const numbers = this.#written.slice(this.#acknowledged, this.#received)
    this.#written.length = this.#received
    this.#acknowledged = this.#received
    // What has not arrived is sent again.
    for (const number of this.#sent.slice(this.#arrived)) this.#air.push(say.stanza(`c${number}`))
    this.isIn = true
    return { numbers }
  }

  /** Sends so many stanzas; they are on their way. */
  send(count: number): void {
    for (let left = count; left > 0; left--) {
      const number = this.#stanzas++
      this.#sent.push(number)
      this.#air.push(say.stanza(`c${number}`))
    }
  }

  /** So much of what is on its way arrives, unless the service does not read. Returns the numbers of the stanzas in it. */
  arrive(count: number): number[] {
    const numbers: number[] = []
    for (let left = count; left > 0 && !this.socket.isPaused && !this.socket.isGone; left--) {
      const text = this.#air.shift()
      if (text === undefined) break
      const number = / id='c(\d+)'/.exec(text)?.[1]
      if (number !== undefined) {
        numbers.push(Number(number))
        this.#arrived += 1
      } else if (text.startsWith('<a ')) this.#acknowledged = Math.max(this.#acknowledged, countIn(text))
      this.socket.receive(text)
    }
    return numbers
  }

  /** Reads so many messages. */
  take(count: number): void {
    for (let left = count; left > 0 && this.#readUpTo < this.socket.sent.length; left--) {
      const text = this.socket.sent[this.#readUpTo++]!
      this.read.push(...numbersIn(text))
      if (isStanza(text)) this.#received += 1
      else if (text === say.request) this.#air.push(say.ack(this.#received))
    }
  }

  /** Numbers of what was written since the last look. */
  look(): number[] {
    const numbers: number[] = []
    for (; this.#looked < this.socket.sent.length; this.#looked++) {
      const text = this.socket.sent[this.#looked]!
      const inIt = numbersIn(text)
      numbers.push(...inIt)
      if (isStanza(text)) this.#written.push(...inIt)
    }
    return numbers
  }

  /** Numbers of the stanzas that are not known to have arrived, as far as they are counted. */
  get unacknowledged(): readonly number[] {
    return this.streamId === undefined ? [] : this.#written.slice(this.#acknowledged)
  }

  /** Numbers of what was written on this connection and has not been read. */
  get unread(): readonly number[] {
    return this.socket.sent.slice(this.#readUpTo).flatMap(numbersIn)
  }

  get isIdle(): boolean {
    return this.#air.length === 0 && this.#readUpTo === this.socket.sent.length
  }

  /** Leaves for good. */
  close(): void {
    this.socket.receive(close)
    this.socket.leave()
  }

  #next(): string | undefined {
    const text = this.socket.sent[this.#readUpTo]
    if (text !== undefined) this.#readUpTo += 1
    return text
  }

  #expect(beginning: string): void {
    const text = this.#next()
    if (text?.startsWith(beginning) !== true) throw new Broken(`a page gets ${text}, not ${beginning}`)
  }
}
