import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/clock.js'
import { writeBatch } from '../../lib/write-batch.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface WriterEvents {
  /** The backlog is empty again. */
  onDrain(): void
  /** The server has not read for too long. */
  onStall(): void
}

/** In seconds: TCP's own default (RFC 9293 §3.9.1.1). */
const stallSeconds = 300

/** From this backlog on, in UTF-16 units, senders may be waiting for `onDrain`. */
const much = 256 * 1024

/** Writes to a connection. All data of a turn of the event loop leaves together. */
export class Writer {
  /** Stanzas: 8 at a time. */
  static readonly #stanzas = writeBatch<Writer>(8, writer => writer.#flush())
  /** Login steps: 2 at a time, because each makes the server work. */
  static readonly #steps = writeBatch<Writer>(2, writer => writer.#flush())
  /** A header waits until the end of the turn for further data. */
  static readonly #headers = writeBatch<Writer>(Number.POSITIVE_INFINITY, writer => writer.#flush())
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #events: WriterEvents
  /** Text of the next write batch. */
  #waiting = ''
  #isOnlyHeader = false
  /** Runs while the server does not read. */
  #stall: Timer | undefined

  constructor(socket: Socket, clock: Clock, events: WriterEvents) {
    this.#socket = socket
    this.#clock = clock
    this.#events = events
  }

  /** In UTF-16 units. */
  get backlog(): number {
    return this.#waiting.length + this.#socket.writableLength
  }

  /** `soon` uses a small batch. */
  send(elements: readonly Element[], soon: boolean): void {
    if (this.#waiting === '' || this.#isOnlyHeader) (soon ? Writer.#steps : Writer.#stanzas)(this)
    this.#isOnlyHeader = false
    for (const { text } of elements) this.#waiting += text
  }

  sendHeader(header: string): void {
    if (this.#waiting === '') {
      this.#isOnlyHeader = true
      Writer.#headers(this)
    }
    this.#waiting += header
  }

  /** Writes now, after the waiting batch. */
  write(text: string): void {
    text = this.#waiting + text
    this.#waiting = ''
    // latin1 is twice as fast, and the same for ASCII.
    const encoding = Buffer.byteLength(text) === text.length ? 'latin1' : 'utf8'
    if (this.#stall !== undefined) this.#socket.write(text, encoding, () => this.#stall && this.#expectTaken())
    else if (!this.#socket.write(text, encoding)) this.#fallBehind()
  }

  /** Drops the waiting batch. */
  stop(): void {
    this.#waiting = ''
    this.#stall?.cancel()
    this.#stall = undefined
  }

  #flush(): void {
    if (this.#waiting === '') return
    const isMuch = this.#waiting.length > much
    this.write('')
    // If the socket took everything, it emits no `drain`.
    if (isMuch && this.#stall === undefined) this.#events.onDrain()
  }

  #fallBehind(): void {
    this.#expectTaken()
    this.#socket.once('drain', () => {
      this.#stall?.cancel()
      this.#stall = undefined
      this.#events.onDrain()
    })
  }

  #expectTaken(): void {
    this.#stall?.cancel()
    this.#stall = this.#clock.after(stallSeconds * 1000, () => this.#events.onStall())
  }
}
