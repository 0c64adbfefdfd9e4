import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../lib/clock.js'
import { writeBatch } from '../../lib/write-batch.js'
import type { Element } from '../../xmpp/xml/element.js'

export interface WriterEvents {
  /** The server has taken all that waited for it; called only after it was behind. */
  onDrain(): void
  /** The server has taken nothing of what waits for it for too long. */
  onStall(): void
}

/** How long a server may take nothing of what waits, in seconds: as TCP itself by default (RFC 9293 §3.9.1.1). */
const stallSeconds = 300

/** From how much on that waits for the write batch there may be senders that wait for it to be taken, in UTF-16 units. */
const much = 256 * 1024

/** Writes to one connection. What is sent in one turn of the event loop leaves together. */
export class Writer {
  /** With stanzas to write: a server reads many in the time that writing one takes. */
  static readonly #stanzas = writeBatch<Writer>(8, writer => writer.#flush())
  /** With a step of a login, which costs a server more than writing it costs: it gets to work soon. */
  static readonly #steps = writeBatch<Writer>(2, writer => writer.#flush())
  /** With a stream header that waits until the end of the turn for what is sent behind it. */
  static readonly #headers = writeBatch<Writer>(Number.POSITIVE_INFINITY, writer => writer.#flush())
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #events: WriterEvents
  /** What leaves with the write batch. */
  #waiting = ''
  /** Whether it is only a header, which the end of the turn is early enough for. */
  #isOnlyHeader = false
  /** While something waits for the server: until when it has to take some of it. */
  #stall: Timer | undefined

  constructor(socket: Socket, clock: Clock, events: WriterEvents) {
    this.#socket = socket
    this.#clock = clock
    this.#events = events
  }

  /** What waits for the server to take it, in UTF-16 units. */
  get backlog(): number {
    return this.#waiting.length + this.#socket.writableLength
  }

  /** Writes elements with the next write batch, a small one where they are to leave `soon`. */
  send(elements: readonly Element[], soon: boolean): void {
    if (this.#waiting === '' || this.#isOnlyHeader) (soon ? Writer.#steps : Writer.#stanzas)(this)
    this.#isOnlyHeader = false
    for (const { text } of elements) this.#waiting += text
  }

  /** Writes a stream header together with what is sent behind it in this turn. */
  sendHeader(header: string): void {
    if (this.#waiting === '') {
      this.#isOnlyHeader = true
      Writer.#headers(this)
    }
    this.#waiting += header
  }

  /** Writes at once, behind what waits for the write batch. */
  write(text: string): void {
    text = this.#waiting + text
    this.#waiting = ''
    // ASCII is the same in both, and is written twice as fast as Latin-1.
    const encoding = Buffer.byteLength(text) === text.length ? 'latin1' : 'utf8'
    if (this.#stall !== undefined)
      this.#socket.write(text, encoding, () => this.#stall && this.#expectTaken())
    else if (!this.#socket.write(text, encoding)) this.#fallBehind()
  }

  /** Writes no more, and gives up what waits for the write batch. */
  stop(): void {
    this.#waiting = ''
    this.#stall?.cancel()
    this.#stall = undefined
  }

  #flush(): void {
    if (this.#waiting === '') return
    const isMuch = this.#waiting.length > much
    this.write('')
    // Where all of it has been taken at once, no drain of the socket follows.
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
