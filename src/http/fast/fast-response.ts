import { OutgoingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import express from 'express'

/** A response that can be written in one piece. */
export class FastResponse extends ServerResponse {
  // What Node's own writer notes, and its types do not say, or not that it changes.
  declare finished: boolean
  declare _header: string | null
  declare _headerSent: boolean
  declare readonly _keepAliveTimeout: number
  declare readonly _maxRequestsPerSocket: number
  protected hasLeft = false

  /** `replyWhole` of this response. */
  sendWhole(headers: string, body: string, length: number): boolean {
    const { socket } = this
    if (!this.shouldKeepAlive || this._header !== null || this.statusCode !== 200) return false
    if (this._keepAliveTimeout === 0 || this._maxRequestsPerSocket > 0) return false
    if (this.getHeaderNames().length > 0) return false
    if (socket === null || socket instanceof TLSSocket || !socket.writable || socket.writableLength > 0)
      return false
    const head = `${startLines(this._keepAliveTimeout)}${dateLine()}${headers}Content-Length: ${length}\r\n\r\n`
    socket.write(head + body, length === body.length ? 'latin1' : 'utf8')
    this.statusMessage = 'OK'
    this._header = head
    this._headerSent = true
    this.finished = true
    if (socket.writableLength === 0) this.leave()
    // It is over once all of it has left, and with it what comes behind it.
    else socket.write('', 'latin1', error => error ?? this.leave())
    return true
  }

  protected leave(): void {
    this.hasLeft = true
    this.emit('finish')
  }
}

const { get: isFinished } = Object.getOwnPropertyDescriptor(OutgoingMessage.prototype, 'writableFinished')!
// From version 24 on, Node's own writer notes it, where it was worked out from other properties before.
Object.defineProperty(FastResponse.prototype, 'writableFinished', {
  get(this: FastResponse): boolean {
    return this['hasLeft'] || isFinished!.call(this)
  },
})

// What Express adds to a response: `install.ts` says why it stands here.
Object.setPrototypeOf(FastResponse.prototype, express.response)

/**
 * Writes a reply with status 200 that is there as a whole, and ends it. Node, prepared for replies that come bit by
 * bit, would go through buffers and turns of the event loop that cost as much as all that a session does. `headers` are
 * whole lines without a word of a client or a server; `length` is the body's in UTF-8, at least 1. False, with nothing
 * written, where Node has to do it: the response is no `FastResponse`, or the connection is to be closed, has TLS or
 * something unsent, or earlier requests on it have no reply yet.
 */
export function replyWhole(res: ServerResponse, headers: string, body: string, length: number): boolean {
  return res instanceof FastResponse && res.sendWhole(headers, body, length)
}

let startedFor = 0
let started = ''

/** The status line, and what Node says of connections that are kept open for so many milliseconds. */
function startLines(keepAliveTimeout: number): string {
  if (keepAliveTimeout !== startedFor) {
    startedFor = keepAliveTimeout
    const seconds = Math.floor(keepAliveTimeout / 1000)
    started = `HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`
  }
  return started
}

let second = 0
let line = ''

/** The header `Date` (RFC 9110 §6.6.1). */
function dateLine(): string {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    line = `Date: ${new Date(1000 * now).toUTCString()}\r\n`
  }
  return line
}
