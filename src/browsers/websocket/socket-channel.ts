import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { leaving } from '../../forwarding/peer-listener.js'
import type { UnfinishedMessage } from '../../http/bodies/unfinished-bodies.js'
import { clientOf } from '../../lib/client-network.js'
import type { Timer } from '../../lib/clock.js'
import type { Limit, WebSocketCut } from '../../lib/counts.js'
import { writeBatch } from '../../lib/write-batch.js'
import { framingNamespace } from '../../xmpp/namespaces.js'
import type { TransportParts } from '../transport-parts.js'
import { writeClose } from './framing.js'

export interface ChannelEvents {
  onMessage(message: Buffer): void
  onDrain?(): void
  /** The client has received everything that was sent before the last `probe`. */
  onArrived?(): void
  /** Called last. `cut` is set if neither side had closed the stream. */
  onGone(cut: WebSocketCut | undefined): void
}

interface ChannelClient {
  readonly address: string
  readonly secure: boolean
  readonly browser?: string | undefined
  /** For a client without TLS. */
  readonly secureUrl?: string | undefined
}

/** RFC 6455 §7.4.1 and IANA's registry. */
export const closeCodes = { normal: 1000, goingAway: 1001, unsupported: 1003, restart: 1012, full: 1013 }

export interface ChannelParts {
  /** In seconds. 0: off. */
  readonly pingInterval: number
  readonly transport: TransportParts
}

const pongMilliseconds = 10_000
/** Pongs count as data. */
const idleMilliseconds = 840_000
/** The time for `<close/>` and the close frame together. */
const closeMilliseconds = 5_000

/** Of a message. Chromium sends parts of 10 KB if the service reads slowly. */
export const maxFragments = 256

const behindBytes = 64 * 1024

const leastUnreadLimit = 4 * 1024 * 1024
const longestStanzasUnread = 6
const unreadSeconds = 60
const longestReadBytes = 64 * 1024
/** With its head. */
const leastFragmentBytes = 7
const pieceOverheadBytes = 512
/** Bytes: more than the heads of all fragments. After a complete message, as much of the next message does not count. */
const negligible = 4096

const asText = { binary: false }

const cutBy: Readonly<Record<string, WebSocketCut>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'message-too-long',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'message-too-long',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'too-many-fragments',
}

const mostAtOnce = 16

/** `leaving`: `<close/>` was sent. `closing`: the close frame was sent too. `gone`: `onGone` was called. */
type State = 'open' | 'leaving' | 'closing' | 'gone'

export class SocketChannel {
  static readonly #gather = writeBatch<SocketChannel>(mostAtOnce, channel => {
    channel.#isGathering = false
    channel.#connection.uncork()
  })
  /** Must be set before the next turn of the event loop. */
  events!: ChannelEvents
  readonly client: ChannelClient
  readonly #socket: WebSocket
  readonly #connection: Socket
  readonly #parts: ChannelParts
  readonly #unfinished: UnfinishedMessage
  #unfinishedBytes = 0
  #completedBytes = 0
  #pieces = 0
  #piecesBytes = 0
  #timer: Timer | undefined
  #heardAt: number
  #pingAt: number
  #pingedAt = 0
  #pongDue: number | undefined
  // Pings have numbers, because a client may answer only the last ping (RFC 6455 §5.5.3).
  #pings = 0
  #probingPing: number | undefined
  #closeBy: number | undefined
  #isGathering = false
  #state: State = 'open'
  #cause: WebSocketCut | undefined
  #code = closeCodes.normal

  constructor(socket: WebSocket, connection: Socket, client: ChannelClient, parts: ChannelParts) {
    this.client = client
    this.#socket = socket
    this.#connection = connection
    this.#parts = parts
    const { pingInterval, transport } = parts
    this.#unfinished = transport.bodies.ofMessage(client.address)
    this.#heardAt = transport.clock.now()
    this.#pingAt = pingInterval === 0 ? Number.POSITIVE_INFINITY : this.#heardAt + pingInterval * 1000
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#guard(() => this.#received(data, isBinary)))
    socket.on('ping', (data: Buffer) => this.#subtractControlFrame(data))
    socket.on('pong', (data: Buffer) => this.#ponged(data))
    socket.on('close', () => this.#closed())
    // `ws` has already sent the close code.
    socket.on('error', this.#failed)
    // The listener of `ws` runs first, so `#count` comes after all messages that the chunk completes.
    connection.on('data', this.#count)
    connection.on('drain', this.#drained)
    connection.on('end', this.#halfClosed)
    connection.once(leaving, () => this.drop(closeCodes.goingAway))
    this.#schedule()
  }

  /** True if `probe` works, which needs pings. */
  get isProbed(): boolean {
    return this.#parts.pingInterval > 0
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isBehind(): boolean {
    return this.#socket.bufferedAmount > behindBytes
  }

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
    if (this.#pongDue !== undefined)
      this.#pongDue = Math.max(this.#pongDue, this.#parts.transport.clock.now() + pongMilliseconds)
    this.#socket.resume()
  }

  /** Closes the stream (RFC 7395 §3.6). `code` is one of `closeCodes`. `seeOther` is a URL. */
  end(code: number = closeCodes.normal, lastWords: readonly string[] = [], seeOther?: string): void {
    if (!this.isOpen) return
    this.#socket.resume()
    for (const message of lastWords) this.#write(message)
    this.#write(writeClose(seeOther))
    this.#code = code
    this.#state = 'leaving'
    this.#atCloseBy(() => {
      this.#state = 'closing'
      const reads = this.#connection.writableLength === 0
      this.#socket.close(this.#code)
      if (reads) this.#connection.destroySoon()
      else this.#socket.terminate()
    })
  }

  answerClose(): void {
    if (!this.isOpen) return
    this.#write(writeClose())
    this.#state = 'leaving'
    this.#close()
  }

  /** Closes the connection, but not the stream. */
  drop(code: number): void {
    this.#socket.resume()
    this.#cut('connection-closed', code)
  }

  /** The connection stays open, for another process. */
  detach(): void {
    this.#state = 'gone'
    this.#release()
  }

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
    this.#parts.transport.counts.pages.websocket.sent += Buffer.byteLength(message)
    this.#socket.send(message, asText)
  }

  #received(data: Buffer, isBinary: boolean): void {
    this.#completedBytes += data.length + headerBytes(data.length)
    this.#parts.transport.counts.pages.websocket.received += data.length
    if (this.#state === 'gone') return
    if (isBinary) this.#cut('bad-frame', closeCodes.unsupported)
    else if (this.#state === 'open') this.events.onMessage(data)
    // After our `<close/>`, everything except the client's `<close/>` is ignored.
    else if (data.length < negligible && data.includes(framingNamespace)) this.#close()
  }

  #close(code = this.#code): void {
    if (this.#state === 'closing' || this.#state === 'gone') return
    // If the channel is open, `#cut` is the caller, and `#gone` follows.
    if (this.#state === 'leaving') this.#state = 'closing'
    this.#socket.close(code)
    this.#atCloseBy(() => this.#socket.terminate())
  }

  readonly #halfClosed = (): void => this.#cut('connection-closed')

  readonly #failed = ({ code }: NodeJS.ErrnoException): void => {
    const cut = cutBy[code ?? ''] ?? 'bad-frame'
    if (cut !== 'bad-frame') this.#refuse(cut === 'message-too-long' ? 'stanza' : 'fragments')
    this.#cut(cut)
  }

  #refuse(limit: Limit): void {
    this.#parts.transport.refused(limit, { address: clientOf(this.client.address) })
  }

  #breakOff(why: WebSocketCut): void {
    this.#cause ??= why
    this.#socket.terminate()
  }

  #gone(): void {
    if (this.#state === 'gone') return
    const cut = this.#state === 'open' ? (this.#cause ?? 'socket-broken') : undefined
    this.#state = 'gone'
    this.events.onGone(cut)
  }

  #closed(): void {
    this.#release()
    this.#guard(() => this.#gone())
  }

  #release(): void {
    this.#timer?.cancel()
    this.#connection.off('data', this.#count)
    this.#connection.off('drain', this.#drained)
    this.#connection.off('end', this.#halfClosed)
    this.#unfinished.resize(0)
  }

  readonly #count = (chunk: Buffer): void => {
    const isUnclosed = this.#state === 'open' || this.#state === 'leaving'
    if (isUnclosed && this.#socket.readyState !== WebSocket.OPEN) this.#halfClosed()
    this.#heardAt = this.#parts.transport.clock.now()
    this.#unfinishedBytes = Math.max(0, this.#unfinishedBytes + chunk.length)
    if (this.#completedBytes > 0) {
      // What is left is of this chunk, without the heads of fragments, whose number is unknown.
      const left = Math.min(this.#unfinishedBytes - this.#completedBytes - negligible, chunk.length)
      this.#unfinishedBytes = Math.max(0, left)
      this.#completedBytes = 0
      this.#piecesBytes = 0
      this.#pieces = 0
    }
    this.#piecesBytes = this.#unfinishedBytes === 0 ? 0 : this.#piecesBytes + chunk.length
    this.#pieces = this.#unfinishedBytes === 0 ? 0 : this.#pieces + 1
    const isTooMuch = !this.#unfinished.resize(this.#kept)
    // A client can reach this limit by pings alone, because `ws` answers even if the client reads nothing.
    if (this.#socket.bufferedAmount > this.#mostUnread) {
      this.#refuse('unread-reply')
      this.#breakOff('not-read')
    } else if (isTooMuch && this.#state === 'gone') this.#socket.terminate()
    else if (isTooMuch) this.#cut('no-room', closeCodes.full)
  }

  get #mostUnread(): number {
    return Math.max(leastUnreadLimit, longestStanzasUnread * this.#parts.transport.maxStanzaBytes)
  }

  /** Bytes in memory. Each fragment can keep a whole buffer of `longestReadBytes`, even if the fragment is short. */
  get #kept(): number {
    const fragments = Math.min(maxFragments, Math.floor(this.#unfinishedBytes / leastFragmentBytes))
    const beside = Math.min(this.#piecesBytes, (fragments + 1) * longestReadBytes)
    return Math.max(this.#unfinishedBytes, beside) + Math.min(this.#pieces, this.#unfinishedBytes) * pieceOverheadBytes
  }

  readonly #drained = (): void => {
    if (this.isOpen) this.#guard(() => this.events.onDrain?.())
  }

  /** Control frames may come between the fragments of a message. */
  #subtractControlFrame(data: Buffer): void {
    this.#unfinishedBytes -= data.length + headerBytes(data.length)
  }

  #ping(): number {
    this.#pings += 1
    this.#socket.ping(String(this.#pings))
    return this.#pings
  }

  #ponged(data: Buffer): void {
    this.#subtractControlFrame(data)
    if (this.#pongDue !== undefined) {
      const { pongs } = this.#parts.transport.counts
      pongs.count += 1
      pongs.seconds += (this.#parts.transport.clock.now() - this.#pingedAt) / 1000
      this.#pongDue = undefined
    }
    const answered = /^\d{1,15}$/.test(data.toString('latin1')) ? Number(data) : 0
    if (this.#probingPing === undefined || answered < this.#probingPing) return
    this.#probingPing = undefined
    if (this.isOpen) this.#guard(() => this.events.onArrived?.())
  }

  #schedule(): void {
    const now = this.#parts.transport.clock.now()
    const next = Math.min(this.#pongDue ?? this.#pingAt, this.#idleAt)
    this.#timer = this.#parts.transport.clock.after(Math.max(1, next - now), () => this.#guard(() => this.#check()))
  }

  #check(): void {
    const now = this.#parts.transport.clock.now()
    const isPongLate = this.#pongDue !== undefined && now >= this.#pongDue
    if (this.#socket.isPaused) {
      this.#heardAt = now
      if (this.#pongDue !== undefined) this.#pongDue = now + pongMilliseconds
    } else if (isPongLate || now >= this.#idleAt) {
      return void this.#breakOff(isPongLate ? 'no-pong' : 'idle-timeout')
    }
    if (this.#pongDue === undefined && now >= this.#pingAt) {
      const isQueued = this.#connection.writableLength > 0
      this.#pingedAt = now
      this.#pongDue = now + (isQueued ? unreadSeconds * 1000 : pongMilliseconds)
      this.#pingAt = now + this.#parts.pingInterval * 1000
      this.#ping()
    }
    this.#schedule()
  }

  get #idleAt(): number {
    return this.#heardAt + idleMilliseconds
  }

  #atCloseBy(act: () => void): void {
    const { clock } = this.#parts.transport
    const now = clock.now()
    this.#closeBy ??= now + closeMilliseconds
    this.#timer?.cancel()
    this.#timer = clock.after(Math.max(0, this.#closeBy - now), act)
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#parts.transport.report(error, 'websocket')
      this.#socket.terminate()
    }
  }
}

/** RFC 6455 §5.2. */
function headerBytes(length: number): number {
  if (length < 126) return 6
  return length < 65_536 ? 8 : 14
}
