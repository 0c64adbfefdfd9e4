import type { IncomingMessage } from 'node:http'
import { constants } from 'node:http2'
import type { Duplex } from 'node:stream'
import { isRefusal, requestOver, type ToPeer } from './forwarded-headers.js'
import type { Lost, PeerLink } from './peer-links.js'

interface SocketForwarding extends ToPeer {
  /** True if the client has the answer to its handshake. The answer of the session's process is then dropped. */
  readonly isAccepted: boolean
  /** Called if the session's process has not accepted the WebSocket. The socket stays open, and is not read. */
  readonly onLost: (how: Lost) => void
}

/**
 * Sends a WebSocket to the process that has its session. `read` are the bytes that were read from the socket since the
 * handshake: a copy, because `ws` unmasks messages in place.
 */
export function forwardSocket(
  link: PeerLink,
  req: IncomingMessage,
  socket: Duplex,
  read: Buffer,
  parts: SocketForwarding,
): void {
  const { isAccepted, onLost } = parts
  const { stream, request } = requestOver(link, req, parts, { connection: 'Upgrade', upgrade: 'websocket' })
  let state: 'waiting' | 'answered' | 'refused' = 'waiting'
  const cancel = () => {
    stream.resume()
    stream.end()
  }
  socket.pause().once('close', cancel)
  stream.once('response', headers => {
    if (isRefusal(headers)) state = 'refused'
  })
  request.once('upgrade', (response, connection, first) => {
    state = 'answered'
    if (!isAccepted) socket.write(headOf(response), 'latin1')
    socket.write(first)
    connection.write(read)
    socket.pipe(connection).pipe(socket)
  })
  request.once('response', response => {
    state = isAccepted ? 'refused' : 'answered'
    if (isAccepted) return cancel()
    socket.write(headOf(response), 'latin1')
    response.pipe(socket)
  })
  request.end()
  stream.once('close', () => {
    socket.off('close', cancel)
    if (socket.destroyed) return
    const { rstCode, readableEnded, aborted } = stream
    if (state !== 'answered') onLost(state === 'refused' ? 'refused' : link.lost)
    else if (rstCode !== constants.NGHTTP2_NO_ERROR || !readableEnded || aborted) socket.destroy()
  })
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  let head = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2) head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  return `${head}\r\n`
}
