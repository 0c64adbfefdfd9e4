import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { UnfinishedBodies, UnfinishedMessage } from '../../http/listening/unfinished-bodies.js'
import type { Clock, Timer } from '../../lib/clock.js'
import type { WebSocketCut } from '../../lib/counts.js'
import { writeBatch } from '../../lib/write-batch.js'
import { framingNamespace } from '../../xmpp/namespaces.js'
import { type Channel, type ChannelEvents, closeCodes } from './channel.js'
import { writeClose } from './framing.js'

/** Durations are in seconds; 0 turns what they limit off. */
export interface ChannelRules {
  /** Time between two pings. */
  readonly pingInterval: number
  /** How long the answer to a ping may take. */
  readonly pongTimeout: number
  /** How long a client may say nothing at all, pongs included. */
  readonly idleTimeout: number
  /** How long a client has to answer both `<close/>` and the frame that closes the WebSocket, together. */
  readonly closeTimeout: number
}

export interface ChannelParts {
  readonly rules: ChannelRules
  /** Longest stanza of a client, in bytes. */
  readonly maxStanzaBytes: number
  /** Most frames of one message. */
  readonly maxFragments: number
  readonly clock: Clock
  /** The bytes that are kept of messages whose rest is waited for. */
  readonly bodies: UnfinishedBodies
  /** Takes note of how long a pong took, in seconds. */
  readonly ponged: (seconds: number) => void
  /** Hears of what was not foreseen while a client was heard; its channel has been closed. */
  readonly report: (error: unknown) => void
}

/** How much may wait for a client before no more is written to it, in bytes. */
const mostUnread = 64 * 1024

/**
 * How much may wait for a client at all: so many bytes, or so many of its longest stanzas. Enough for one delivery, and answers
 * to pings.
 */
const leastKept = 4 * 1024 * 1024
const stanzasKept = 6
/** How long a ping may take that waits behind what the client has not read, in seconds. */
const unreadSeconds = 60
/** How much Node reads at a time, and what a piece of a message takes beside its bytes; both in bytes. */
const longestRead = 64 * 1024
const pieceBytes = 512
/** How many bytes are not worth being counted: the headers of frames. */
const negligible = 1024

/** Messages are text, however they are given. */
const asText = { binary: false }

/** The faults of clients by the codes of `ws`. All other codes are `bad-frame`. */
const cutBy: Readonly<Record<string, WebSocketCut>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'message-too-long',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'message-too-long',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'too-many-fragments',
}

/** How many channels are written to at once while what others get is still made. */
const mostAtOnce = 16

/** A channel that is one WebSocket of this process. */
export class SocketChannel implements Channel {
  /** With something to write: while some of it leaves, the rest is still made. */
  static readonly #gather = writeBatch<SocketChannel>(mostAtOnce, channel => {
    channel.#isGathering = false
    channel.#connection.uncork()
  })
  events!: ChannelEvents
  readonly address: string
  readonly isSecure: boolean
  readonly #socket: WebSocket
  readonly #connection: Socket
  readonly #parts: ChannelParts
  readonly #unfinished: UnfinishedMessage
  /** How many bytes have come since the last message, and how many of those were in messages. */
  #bytes = 0
  #read = 0
  /** In how many pieces what is not whole has come, and how much came with those. */
  #pieces = 0
  #piecesBytes = 0
  #timer: Timer | undefined
  // Times are in milliseconds of the clock.
  /** When the client was last heard. */
  #heardAt: number
  /** When the next ping leaves. */
  #pingAt: number
  /** When the last one left. */
  #pingedAt = 0
  /** When its answer must have come; undefined while none is waited for. */
  #pongDue: number | undefined
  // Pings have numbers, since a client may answer the last one only (RFC 6455 §5.5.3).
  #pings = 0
  /** The last ping that checks whether the client is there, and the ping that asks what has arrived, if any. */
  #livenessPing = 0
  #probingPing: number | undefined
  /** When the connection is cut off at the latest, once it is being closed. */
  #closeBy: number | undefined
  #isGathering = false
  /** Whether the client, or this side, has closed the stream. */
  #isLeaving = false
  /** Whether the frame that closes has been sent, or the client must close the connection for another reason. */
  #isClosing = false
  #isGone = false
  /** Why the connection ended without `<close/>`, if known. */
  #cause: WebSocketCut | undefined
  /** What the WebSocket is closed with once the client has answered `<close/>`. */
  #code = closeCodes.normal

  constructor(
    socket: WebSocket,
    connection: Socket,
    client: { readonly address: string; readonly secure: boolean },
    parts: ChannelParts,
  ) {
    this.address = client.address
    this.isSecure = client.secure
    this.#socket = socket
    this.#connection = connection
    this.#parts = parts
    this.#unfinished = parts.bodies.ofMessage(client.address)
    const { pingInterval } = parts.rules
    this.#heardAt = parts.clock.now()
    this.#pingAt = pingInterval === 0 ? Number.POSITIVE_INFINITY : this.#heardAt + pingInterval * 1000
    socket.on('message', (data: Buffer, isBinary: boolean) =>
      this.#guard(() => this.#received(data, isBinary)),
    )
    socket.on('ping', (data: Buffer) => this.#heard(data))
    socket.on('pong', (data: Buffer) => this.#ponged(data))
    socket.on('close', () => this.#closed())
    // `ws` has answered with the code that is right.
    socket.on('error', this.#failed)
    // After `ws` has read the same: what is left of it belongs to a message that is not whole.
    connection.on('data', this.#count)
    connection.on('drain', this.#drained)
    connection.on('end', this.#left)
    this.#schedule()
  }

  get isProbed(): boolean {
    return this.#parts.rules.pingInterval > 0
  }

  get isOpen(): boolean {
    return !this.#isLeaving && !this.#isGone
  }

  get isBehind(): boolean {
    return this.#socket.bufferedAmount > mostUnread
  }

  /** What is given as bytes is text all the same. */
  send(message: string | Buffer): void {
    if (this.isOpen) this.#write(message)
  }

  probe(): void {
    if (this.isOpen && this.isProbed) this.#probingPing = this.#ping()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    // The answer to a ping may be behind what has not been read yet.
    if (this.#pongDue !== undefined)
      this.#pongDue = Math.max(this.#pongDue, this.#parts.clock.now() + this.#parts.rules.pongTimeout * 1000)
    this.#socket.resume()
  }

  end(code: number = closeCodes.normal, lastWords: readonly string[] = [], seeOther?: string): void {
    if (!this.isOpen) return
    this.#socket.resume()
    for (const message of lastWords) this.#write(message)
    this.#write(writeClose(seeOther))
    this.#code = code
    this.#isLeaving = true
    this.#closeBy = this.#parts.clock.now() + this.#parts.rules.closeTimeout * 1000
    this.#atCloseBy(() => this.#giveUp())
  }

  farewell(): void {
    if (!this.isOpen) return
    this.#write(writeClose())
    this.#isLeaving = true
    this.#close()
  }

  /** Lets go of the client without a word of its stream: with a code, or as if the network had failed. */
  drop(code?: number): void {
    this.#socket.resume()
    if (code === undefined) this.#socket.terminate()
    else this.#cut('connection-closed', code)
  }

  /** Closes the WebSocket without a word: to those above the client is gone. */
  #cut(why: WebSocketCut, code?: number): void {
    this.#cause ??= why
    this.#close(code)
    this.#guard(() => this.#gone())
  }

  #write(message: string | Buffer): void {
    if (!this.#isGathering) {
      this.#isGathering = true
      this.#connection.cork()
      SocketChannel.#gather(this)
    }
    this.#socket.send(message, asText)
  }

  #received(data: Buffer, isBinary: boolean): void {
    this.#read += data.length + headerBytes(data.length)
    if (this.#isGone) return
    if (isBinary) this.#cut('bad-frame', closeCodes.unsupported)
    else if (!this.#isLeaving) this.events.onMessage(data)
    // What else comes was sent before the client knew.
    else if (data.length < negligible && data.includes(framingNamespace)) this.#close()
  }

  /** Sends the frame that closes; a client that does not answer it is cut off. */
  #close(code = this.#code): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#socket.close(code)
    this.#closeBy ??= this.#parts.clock.now() + this.#parts.rules.closeTimeout * 1000
    this.#atCloseBy(() => this.#socket.terminate())
  }

  /** The client has not answered `<close/>` in time. It gets the frame that closes as the last one, unless it reads nothing. */
  #giveUp(): void {
    this.#isClosing = true
    const reads = this.#connection.writableLength === 0
    this.#socket.close(this.#code)
    if (reads) this.#connection.destroySoon()
    else this.#socket.terminate()
  }

  /** The client has closed the WebSocket, or its side of the connection. */
  readonly #left = (): void => this.#cut('connection-closed')

  /** The client has broken the rules of WebSocket. */
  readonly #failed = ({ code }: NodeJS.ErrnoException): void => this.#cut(cutBy[code ?? ''] ?? 'bad-frame')

  #breakOff(why: WebSocketCut): void {
    this.#cause ??= why
    this.#socket.terminate()
  }

  #gone(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.events.onGone(this.#isLeaving ? undefined : (this.#cause ?? 'socket-broken'))
  }

  #closed(): void {
    this.#timer?.cancel()
    this.#connection.off('data', this.#count)
    this.#connection.off('drain', this.#drained)
    this.#connection.off('end', this.#left)
    this.#unfinished.is(0)
    this.#guard(() => this.#gone())
  }

  readonly #count = (chunk: Buffer): void => {
    // A frame that closes has no event of its own.
    if (!this.#isClosing && this.#socket.readyState !== WebSocket.OPEN) this.#left()
    this.#heardAt = this.#parts.clock.now()
    this.#bytes = Math.max(0, this.#bytes + chunk.length)
    if (this.#read > 0) {
      // What is left is the beginning of the next message, or are headers of further frames.
      this.#bytes -= this.#read
      this.#read = 0
      if (this.#bytes < negligible) this.#bytes = 0
    }
    this.#piecesBytes = this.#bytes === 0 ? 0 : this.#piecesBytes + chunk.length
    this.#pieces = this.#bytes === 0 ? 0 : this.#pieces + 1
    const isTooMuch = !this.#unfinished.is(this.#kept)
    // `ws` answers pings, also those of a client that reads no answer; and it reads on behind the frame that closes.
    if (this.#socket.bufferedAmount > this.#mostKept) this.#breakOff('not-read')
    else if (isTooMuch && this.#isGone) this.#socket.terminate()
    else if (isTooMuch) this.#cut('no-room', closeCodes.full)
  }

  get #mostKept(): number {
    return Math.max(leastKept, stanzasKept * this.#parts.maxStanzaBytes)
  }

  /** How much memory a message takes at most that is not whole: each of its frames may keep all that was read with it. */
  get #kept(): number {
    const beside = Math.min(this.#piecesBytes, (this.#parts.maxFragments + 1) * longestRead)
    return Math.max(this.#bytes, beside) + Math.min(this.#pieces, this.#bytes) * pieceBytes
  }

  readonly #drained = (): void => {
    if (this.isOpen) this.#guard(() => this.events.onDrain())
  }

  /** A frame that is no message has come, perhaps between two parts of one. */
  #heard(data: Buffer): void {
    this.#bytes -= data.length + headerBytes(data.length)
  }

  /** Sends a ping, and returns its number. */
  #ping(): number {
    this.#pings += 1
    this.#socket.ping(String(this.#pings))
    return this.#pings
  }

  #ponged(data: Buffer): void {
    this.#heard(data)
    const answered = /^\d{1,15}$/.test(data.toString('latin1')) ? Number(data) : undefined
    if (this.#pongDue !== undefined && !(answered !== undefined && answered < this.#livenessPing)) {
      this.#parts.ponged((this.#parts.clock.now() - this.#pingedAt) / 1000)
      this.#pongDue = undefined
    }
    if (this.#probingPing === undefined || answered === undefined || answered < this.#probingPing) return
    this.#probingPing = undefined
    if (this.isOpen) this.#guard(() => this.events.onArrived())
  }

  /** Looks after a client that may be gone or silent, when it is time. */
  #schedule(): void {
    const now = this.#parts.clock.now()
    const next = Math.min(this.#pongDue ?? this.#pingAt, this.#idleAt)
    if (next === Number.POSITIVE_INFINITY) return
    this.#timer = this.#parts.clock.after(Math.max(1, next - now), () => this.#guard(() => this.#look()))
  }

  #look(): void {
    const { pingInterval, pongTimeout } = this.#parts.rules
    const now = this.#parts.clock.now()
    // What is not read on our own account cannot be heard.
    if (this.#socket.isPaused) {
      this.#heardAt = now
      if (this.#pongDue !== undefined) this.#pongDue = now + pongTimeout * 1000
    } else if (now >= Math.min(this.#pongDue ?? this.#idleAt, this.#idleAt)) {
      this.#breakOff(this.#pongDue !== undefined && now >= this.#pongDue ? 'no-pong' : 'idle-timeout')
      return
    }
    if (this.#pongDue === undefined && now >= this.#pingAt) {
      const isQueued = this.#connection.writableLength > 0
      this.#pingedAt = now
      this.#pongDue = now + (isQueued ? Math.max(unreadSeconds, pongTimeout) : pongTimeout) * 1000
      this.#pingAt = now + pingInterval * 1000
      this.#livenessPing = this.#ping()
    }
    this.#schedule()
  }

  /** When a client that says nothing has been silent for too long, in milliseconds of the clock. */
  get #idleAt(): number {
    const { idleTimeout } = this.#parts.rules
    return idleTimeout === 0 ? Number.POSITIVE_INFINITY : this.#heardAt + idleTimeout * 1000
  }

  #atCloseBy(act: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.after(Math.max(0, this.#closeBy! - this.#parts.clock.now()), act)
  }

  /** Runs what nothing above would catch. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#parts.report(error)
      this.#socket.terminate()
    }
  }
}

/** How long the header of a client's frame is that has so many bytes in it (RFC 6455 §5.2). */
function headerBytes(length: number): number {
  if (length < 126) return 6
  return length < 65_536 ? 8 : 14
}
