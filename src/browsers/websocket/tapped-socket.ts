import { Duplex } from 'node:stream'

/** In bytes. A client that logs in with a token sends less. */
const longestRead = 64 * 1024

/**
 * A connection that can be taken back from `ws`, with what the client sent since the handshake. It is needed until the
 * client has shown its token.
 */
export class TappedSocket extends Duplex {
  readonly #socket: Duplex
  #read: Buffer[] | undefined = []
  #length = 0
  #isLeft = false

  constructor(socket: Duplex, head: Buffer) {
    super()
    this.#socket = socket
    if (head.length > 0) this.#received(head)
    socket.on('data', this.#received).once('end', this.#ended).once('close', this.#closed).on('error', ignore)
  }

  /** The connection stays with `ws`. */
  forget(): void {
    this.#read = undefined
  }

  /** Returns undefined if the client has sent too much. */
  leave(): { readonly socket: Duplex; readonly read: Buffer } | undefined {
    const read = this.#read
    if (read === undefined) return undefined
    this.#isLeft = true
    // Replies of this turn of the event loop wait for its end.
    while (this.writableCorked > 0) this.uncork()
    this.#socket
      .pause()
      .off('data', this.#received)
      .off('end', this.#ended)
      .off('close', this.#closed)
      .off('error', ignore)
    this.destroy()
    return { socket: this.#socket, read: Buffer.concat(read) }
  }

  // `ws` unmasks messages in place.
  readonly #received = (chunk: Buffer): void => {
    if (this.#read !== undefined) {
      this.#length += chunk.length
      if (this.#length > longestRead) this.#read = undefined
      else this.#read.push(Buffer.from(chunk))
    }
    if (!this.push(chunk)) this.#socket.pause()
  }

  readonly #ended = (): void => void this.push(null)

  readonly #closed = (): void => void this.destroy()

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done)
  }

  override _writev(parts: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(parts.map(({ chunk }) => chunk)), done)
  }

  /** Until the connection is known to stay, no reply waits for the one before: `leave` would lose it. */
  #send(chunk: Buffer, done: (error?: Error | null) => void): void {
    if (this.#read === undefined) this.#socket.write(chunk, done)
    else {
      this.#socket.write(chunk)
      done()
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#isLeft) this.#socket.destroy()
    done(error)
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy()
    else this.end(() => this.destroy())
  }
}

const ignore = () => {}
