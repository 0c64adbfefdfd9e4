import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { setPeer, unixSocketPeer } from '../http/access/socket-peers.js'
import { endToEnd, type ForwardedClient, refuseStream } from './forwarded-headers.js'

const endOfHead = '\r\n\r\n'

/**
 * In the process of the session: stands for the connection of a client of another process. It carries one request or
 * one WebSocket. What is written to it is an answer of HTTP/1.1, without chunks.
 */
export class ForwardedConnection extends Duplex {
  readonly encrypted: boolean
  readonly hasCertificate: boolean
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly remoteAddress: string | undefined
  /** See `noteOf`. */
  note: string | undefined
  readonly #stream: ServerHttp2Stream
  #isAnswered = false
  #head: Buffer | undefined

  constructor(stream: ServerHttp2Stream, client: ForwardedClient) {
    super()
    this.#stream = stream
    this.encrypted = client.isSecure
    this.hasCertificate = client.hasCertificate
    this.localAddress = client.localAddress
    this.localPort = client.localPort
    this.remoteAddress = client.address
    const { address = 'unknown', isTrusted, isForwarded } = client
    if (client.isAtUnixSocket) setPeer(this.asSocket, unixSocketPeer)
    else if (isTrusted !== undefined || isForwarded) setPeer(this.asSocket, { address, isTrusted, isForwarded })
    stream.on('error', ignore).once('close', () => this.destroy())
    stream.on('data', this.#received).once('end', () => this.push(null))
  }

  /** For parts that need nothing else of a socket than what is here. */
  get asSocket(): Socket {
    return this as Duplex as Socket
  }

  /** Says that the session is not here. The other process may ask elsewhere. */
  refuse(): void {
    if (this.destroyed || this.#stream.destroyed) return
    refuseStream(this.#stream)
    this.#isAnswered = true
    this.destroySoon()
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
    if (this.#stream.destroyed) {
      done(new Error('the link is closed'))
      return
    }
    const body = this.#isAnswered ? chunk : this.#answer(chunk)
    if (body.length === 0) done()
    else this.#stream.write(body, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    // Node has ended the answers that have no body.
    if (this.#stream.writableEnded) done()
    else this.#stream.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // After the answer, the other process ends the stream.
    if (this.#isAnswered && this.writableFinished) this.#stream.resume()
    // Not `close`, which could end a part of an answer like a whole answer.
    else if (!this.#stream.destroyed) this.#stream.destroy(new Error('the connection was closed'))
    done(error)
  }

  /** Sends the head of the answer, and returns the bytes after it. */
  #answer(chunk: Buffer): Buffer {
    const bytes = this.#head === undefined ? chunk : Buffer.concat([this.#head, chunk])
    const end = bytes.indexOf(endOfHead)
    this.#head = end < 0 ? bytes : undefined
    if (end < 0) return bytes.subarray(bytes.length)
    this.#isAnswered = true
    this.#stream.respond(answerHeaders(bytes.toString('latin1', 0, end)))
    return bytes.subarray(end + endOfHead.length)
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy()
    else this.end(() => this.destroy())
  }

  // The link's pings find a silent process, and the process with the client has its timeouts.
  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }
}

const ignore = () => {}

function answerHeaders(head: string): OutgoingHttpHeaders {
  const [start, ...lines] = head.split('\r\n')
  const headers: NodeJS.Dict<string | string[]> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else headers[name] = name === 'set-cookie' ? [before, value].flat() : `${before}, ${value}`
  }
  const status = Number(start!.split(' ', 2)[1])
  // RFC 8441 §5.1.
  return { ...endToEnd(headers), ':status': status === 101 ? 200 : status }
}
