import type { Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'
import { writeBatch } from '../../lib/write-batch.js'
import { announcementChunk, greetingOf, streamChunk, type WireEvents, WireReader } from './socket-wire.js'

const mostAtOnce = 16
const mostWaitingBytes = 64 * 1024 * 1024
const greetingMilliseconds = 5_000

interface ConnectionEvents extends WireEvents {
  /** Called once, as the last event, and never from inside `send` or `destroy`. */
  onClose(reason: string | undefined): void
}

export class SocketConnection {
  static readonly #gather = writeBatch<SocketConnection>(mostAtOnce, connection => connection.#flush())
  readonly #socket: Socket
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isOpen = true
  #reason: string | undefined

  constructor(
    socket: Socket,
    readonly isOwn: boolean,
    clock: Clock,
    events: ConnectionEvents,
  ) {
    this.#socket = socket
    const late = clock.after(greetingMilliseconds, () => this.destroy('no greeting'))
    const reader = new WireReader({
      onGreeting: name => {
        late.cancel()
        return this.#isOpen && events.onGreeting(name)
      },
      onStream: bytes => this.#isOpen && events.onStream(bytes),
      onAnnouncement: frame => this.#isOpen && events.onAnnouncement(frame),
    })
    socket.on('data', bytes => {
      // Dialled sockets share a read buffer, so their bytes are copied.
      if (this.#isOpen && !reader.read(isOwn ? Buffer.from(bytes) : bytes)) this.destroy('not understood or not wanted')
    })
    socket.on('end', () => socket.destroy())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code
    })
    socket.on('close', () => {
      late.cancel()
      this.#stop()
      events.onClose(this.#reason)
    })
  }

  get backlog(): number {
    return this.#isOpen ? this.#waitingBytes + this.#socket.writableLength : 0
  }

  greet(name: string): void {
    this.#socket.write(greetingOf(name))
  }

  send(bytes: Buffer): void {
    if (!this.#isOpen) return
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.backlog > mostWaitingBytes) this.destroy('takes nothing')
    else SocketConnection.#gather(this)
  }

  announce(frame: Buffer): void {
    if (this.#isOpen && this.backlog <= mostWaitingBytes) this.#socket.write(announcementChunk(frame))
  }

  destroy(reason: string): void {
    this.#reason ??= reason
    this.#socket.destroy()
    this.#stop()
  }

  async end(milliseconds: number, clock: Clock): Promise<void> {
    if (!this.#isOpen) return
    this.#flush()
    this.#stop()
    await new Promise<void>(resolve => {
      const late = clock.after(milliseconds, () => this.destroy('takes nothing'))
      this.#socket.once('close', () => {
        late.cancel()
        resolve()
      })
      this.#socket.end()
    })
  }

  #flush(): void {
    if (!this.#isOpen || this.#waiting.length === 0) return
    const chunk = streamChunk(this.#waiting, this.#waitingBytes)
    this.#waiting = []
    this.#waitingBytes = 0
    if (chunk.length === 1) this.#socket.write(chunk[0]!)
    else {
      this.#socket.cork()
      for (const piece of chunk) this.#socket.write(piece)
      this.#socket.uncork()
    }
  }

  #stop(): void {
    this.#isOpen = false
    this.#waiting = []
    this.#waitingBytes = 0
  }
}
