import { type IncomingMessage, STATUS_CODES } from 'node:http'
import { constants, type IncomingHttpHeaders } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type AnswerHeaders, endToEnd, isRefusal, type ToPeer, toLink } from './forwarded-headers.js'
import type { Lost, PeerLink } from './peer-links.js'

interface SocketForwarding extends ToPeer {
  /** True if the client has the answer to its handshake. The answer of the session's process is then dropped. */
  readonly isAccepted: boolean
  /** Called if the session's process has not accepted the WebSocket. The socket stays open, and is not read. */
  readonly onLost: (how: Lost) => void
}

/**
 * Sends a WebSocket to the process that has its session (RFC 8441). `read` are the bytes that were read from the socket
 * since the handshake: a copy, because `ws` unmasks messages in place.
 */
export function forwardSocket(
  link: PeerLink,
  req: IncomingMessage,
  socket: Duplex,
  read: Buffer,
  parts: SocketForwarding,
): void {
  const { isAccepted, onLost } = parts
  const stream = link.request({
    ...toLink(req, parts, 0),
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
  })
  if (read.length > 0) stream.write(read)
  let state: 'waiting' | 'answered' | 'refused' = 'waiting'
  const cancel = () => {
    stream.resume()
    stream.end()
  }
  socket.pause().once('close', cancel)
  stream.once('response', (headers: AnswerHeaders) => {
    const status = headers[':status']!
    state = isRefusal(headers) || (isAccepted && status !== 200) ? 'refused' : 'answered'
    if (state === 'refused') return cancel()
    if (!isAccepted) socket.write(head(status, headers), 'latin1')
    socket.pipe(stream).pipe(socket)
  })
  stream.once('close', () => {
    socket.off('close', cancel)
    const { rstCode, readableEnded, aborted } = stream
    if (socket.destroyed) return
    if (state !== 'answered') onLost(state === 'refused' ? 'refused' : link.lost)
    else if (rstCode !== constants.NGHTTP2_NO_ERROR || !readableEnded || aborted) socket.destroy()
  })
}

function head(status: number, headers: IncomingHttpHeaders): string {
  const isUpgraded = status === 200
  const start = isUpgraded ? 'HTTP/1.1 101 Switching Protocols' : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`
  const fields = isUpgraded ? ['Upgrade: websocket', 'Connection: Upgrade'] : ['Connection: close']
  for (const [name, value] of Object.entries(endToEnd(headers)))
    for (const each of [value].flat()) fields.push(`${name}: ${each}`)
  return `${start}\r\n${fields.join('\r\n')}\r\n\r\n`
}
