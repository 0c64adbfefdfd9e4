import type { ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import { AppResponse, keepAliveSeconds } from './messages.js'

/** What the server says of its connections, and Node's types do not tell. */
interface Kept {
  readonly _keepAliveTimeout: number
  readonly _maxRequestsPerSocket: number
}

/** The same for all replies: the status line, and what Node says of connections that stay open that long. */
const start = `HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n`

/**
 * Writes a reply with status 200 that is there as a whole, and ends it. Node is prepared for replies that come bit by bit:
 * it writes the head anew from names and values, and goes through buffers and turns of the event loop that cost as much as
 * everything a session does. `headers` are whole lines, and in them nothing that somebody else has said; `length` is the
 * body's in UTF-8, which has at least a character.
 *
 * False, with nothing written, where Node has to do it: the connection is not to stay, or not as usual, or has TLS, or
 * something waits in it for its client, or it is not the turn of this reply.
 */
export function replyWhole(res: ServerResponse, headers: string, body: string, length: number): boolean {
  const { socket } = res
  if (!(res instanceof AppResponse) || !res.shouldKeepAlive || res.headersSent) return false
  const { _keepAliveTimeout, _maxRequestsPerSocket } = res as AppResponse & Kept
  if (_keepAliveTimeout !== keepAliveSeconds * 1000 || _maxRequestsPerSocket > 0) return false
  if (res.getHeaderNames().length > 0) return false
  if (socket === null || socket instanceof TLSSocket || !socket.writable || socket.writableLength > 0)
    return false
  const encoding = length === body.length ? 'latin1' : 'utf8'
  socket.write(`${start}${dateLine()}${headers}Content-Length: ${length}\r\n\r\n${body}`, encoding)
  res.finished = true
  if (socket.writableLength === 0) res.emit('finish')
  // It is over once all of it has left, and with it what comes behind it.
  else socket.write('', 'latin1', error => error ?? res.emit('finish'))
  return true
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
