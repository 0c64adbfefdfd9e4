import { OutgoingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import express from 'express'

export class FastResponse extends ServerResponse {
  declare finished: boolean
  declare _header: string | null
  declare _headerSent: boolean
  declare readonly _keepAliveTimeout: number
  declare readonly _maxRequestsPerSocket: number
  protected hasLeft = false

  /**
   * Writes a reply without Node's streams, which cost as much as the session's work. `headers` are whole lines, `length`
   * is at least 1 byte. Returns false if nothing was written.
   */
  sendWhole(headers: string, body: string, length: number): boolean {
    const { socket } = this
    if (!this.shouldKeepAlive || this._header !== null || this.statusCode !== 200) return false
    if (this._keepAliveTimeout === 0 || this._maxRequestsPerSocket > 0) return false
    if (this.getHeaderNames().length > 0) return false
    if (socket === null || socket instanceof TLSSocket || !socket.writable || socket.writableLength > 0) return false
    const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(this._keepAliveTimeout / 1000)}\r\n`
    const head = `HTTP/1.1 200 OK\r\n${keepAlive}${dateLine()}${headers}Content-Length: ${length}\r\n\r\n`
    socket.write(head + body, length === body.length ? 'latin1' : 'utf8')
    this.statusMessage = 'OK'
    this._header = head
    this._headerSent = true
    this.finished = true
    if (socket.writableLength === 0) this.leave()
    // `finish` is emitted when all writes are flushed.
    else socket.write('', 'latin1', error => error ?? this.leave())
    return true
  }

  protected leave(): void {
    this.hasLeft = true
    this.emit('finish')
  }
}

const { get: isFinished } = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'writableFinished')!
// After `sendWhole`, Node's own value may be false.
Object.defineProperty(FastResponse.prototype, 'writableFinished', {
  get(this: FastResponse): boolean {
    return this['hasLeft'] || isFinished!.call(this)
  },
})

// Adds the methods of Express, for `install.ts`.
Object.setPrototypeOf(FastResponse.prototype, express.response)

let second = 0
let line = ''

function dateLine(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    line = `Date: ${new Date(1000 * now).toUTCString()}\r\n`
  }
  return line
}
