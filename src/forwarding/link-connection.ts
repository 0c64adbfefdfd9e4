import type { Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** A connection of HTTP/1.1 over a stream of a link. `write` of the stream itself garbles texts (Node.js 20). */
export class LinkConnection extends Duplex {
  readonly #stream: Http2Stream

  constructor(stream: Http2Stream) {
    super()
    this.#stream = stream
    // The stream says how it ended.
    this.on('error', () => {})
    stream.once('close', () => this.destroy())
    stream.on('data', this.#received).once('end', () => this.push(null))
  }

  /** For parts that need nothing else of a socket than what is here. */
  get asSocket(): Socket {
    return this as Duplex as Socket
  }

  readonly #received = (chunk: Buffer): void => {
    if (!this.destroyed && !this.push(chunk)) this.#stream.pause()
  }

  override _read(): void {
    this.#stream.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk, done)
  }

  override _writev(parts: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(parts.map(({ chunk }) => chunk)), done)
  }

  #send(chunk: Buffer, done: (error?: Error | null) => void): void {
    // A link that breaks destroys all its streams, which then close one after the other.
    if (this.#stream.destroyed) done(new Error('the link is closed'))
    else if (chunk.length === 0) done()
    else this.#stream.write(chunk, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#stream.writableEnded) done()
    else if (this.#stream.sentHeaders !== undefined) this.#stream.end(done)
    else {
      // The client has gone before its answer.
      this.#stream.destroy()
      done()
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // After the last word, the other process ends the stream.
    if (this.writableFinished) this.#stream.resume()
    else if (!this.#stream.destroyed) this.#stream.destroy(new Error('the connection was closed'))
    done(error)
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy()
    else this.end(() => this.destroy())
  }

  // The link's pings find a silent process, and the process with the client has its timeouts.
  setTimeout(): this {
    return this
  }
}
