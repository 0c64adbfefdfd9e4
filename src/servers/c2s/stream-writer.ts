import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/clock.js'
import { writeBatch } from '../../lib/write-batch.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface WriterEvents {
  onDrain(): void
  onStall(): void
}

/** In seconds. TCP has the same default (RFC 9293 §3.9.1.1). */
const stallSeconds = 300

/** Above this backlog, senders may await `onDrain`. */
const much = 256 * 1024

/** Writes once for each turn of the event loop. */
export class Writer {
  static readonly #stanzas = writeBatch<Writer>(8, writer => writer.#flush())
  /** Few links at a time: each login step makes the server work. */
  static readonly #steps = writeBatch<Writer>(2, writer => writer.#flush())
  /** Stream headers wait for more data. */
  static readonly #headers = writeBatch<Writer>(Number.POSITIVE_INFINITY, writer => writer.#flush())
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #events: WriterEvents
  #waiting = ''
  #isOnlyHeader = false
  #stall: Timer | undefined

  constructor(socket: Socket, clock: Clock, events: WriterEvents) {
    this.#socket = socket
    this.#clock = clock
    this.#events = events
  }

  get backlog(): number {
    return this.#waiting.length + this.#socket.writableLength
  }

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

  write(text: string): void {
    text = this.#waiting + text
    this.#waiting = ''
    // latin1 is twice as fast for ASCII.
    const encoding = Buffer.byteLength(text) === text.length ? 'latin1' : 'utf8'
    if (this.#stall !== undefined) this.#socket.write(text, encoding, () => this.#stall && this.#expectTaken())
    else if (!this.#socket.write(text, encoding)) this.#fallBehind()
  }

  stop(): void {
    this.#waiting = ''
    this.#stall?.cancel()
    this.#stall = undefined
  }

  #flush(): void {
    if (this.#waiting === '') return
    const isMuch = this.#waiting.length > much
    this.write('')
    // A socket that took everything emits no `drain`.
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
