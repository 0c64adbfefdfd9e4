import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/clock.js'
import { writeBatch } from '../../lib/write-batch.js'
import { fullBacklog } from '../../xmpp/link.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface StreamWriterEvents {
  onDrain(): void
  onStall(): void
}

/** A server that reads nothing for this time counts as lost (RFC 9293 §3.9.1.1). */
const stallSeconds = 300

export class StreamWriter {
  static readonly #stanzas = writeBatch<StreamWriter>(8, writer => writer.#flush())
  /** Small batches, so that the server can begin its work on a login step early. */
  static readonly #steps = writeBatch<StreamWriter>(2, writer => writer.#flush())
  /** Written at the end of the turn, together with pipelined data. */
  static readonly #headers = writeBatch<StreamWriter>(Number.POSITIVE_INFINITY, writer => writer.#flush())
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #events: StreamWriterEvents
  #waiting = ''
  #isOnlyHeader = false
  #stall: Timer | undefined

  constructor(socket: Socket, clock: Clock, events: StreamWriterEvents) {
    this.#socket = socket
    this.#clock = clock
    this.#events = events
  }

  get backlog(): number {
    return this.#waiting.length + this.#socket.writableLength
  }

  send(elements: readonly Element[], soon: boolean): void {
    if (this.#waiting === '' || this.#isOnlyHeader) (soon ? StreamWriter.#steps : StreamWriter.#stanzas)(this)
    this.#isOnlyHeader = false
    for (const { text } of elements) this.#waiting += text
  }

  sendHeader(header: string): void {
    if (this.#waiting === '') {
      this.#isOnlyHeader = true
      StreamWriter.#headers(this)
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
    const wasFull = this.#waiting.length > fullBacklog
    this.write('')
    // A socket that took everything emits no `drain`.
    if (wasFull && this.#stall === undefined) this.#events.onDrain()
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
