// Requests that ask for another protocol on their connection (RFC 9110 §7.8).
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { inertHeaders, textHeaders } from '../answers/bare-answer.js'
import { replyUnderWay } from '../fast/reply-under-way.js'

/** Takes a connection over. `head` is what has come behind the request. */
export type Upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

/**
 * Hands a server's requests for an upgrade to what `find` gives for them. All others are answered as if they had not asked:
 * a server need not switch, and programs ask for HTTP/2 in this way which are content with an answer (RFC 9113 §3.1).
 * `upgraded` has the connections that Node's servers do not know any more, as long as they are open.
 */
export function takeUpgrades(
  server: Server,
  find: (req: IncomingMessage) => Upgrade | undefined,
  upgraded: Set<Duplex>,
): void {
  server.on('upgrade', (req, socket, head) => {
    const forget = () => void upgraded.delete(socket)
    upgraded.add(socket)
    socket.on('error', ignore).once('close', forget)
    inTurn(socket, () => {
      const upgrade = asksForWebSocket(req) ? find(req) : undefined
      if (upgrade !== undefined) upgrade(req, socket, head)
      else {
        forget()
        socket.off('close', forget)
        answerWithout(server, req, socket, head)
      }
    })
  })
}

/** Acts once the requests before have had their answers (RFC 9112 §9.3.2), unless the connection ends with those. */
function inTurn(socket: Duplex, act: () => void): void {
  const before = replyUnderWay(socket)
  if (before === undefined) act()
  else
    before.once('close', () => {
      if (socket.writable) inTurn(socket, act)
    })
}

/** What matters about an error is the close that follows it. */
const ignore = () => {}

/** Whether a request asks for a WebSocket (RFC 6455 §4.1). */
export function asksForWebSocket({ headers, method }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * Answers a request for an upgrade with a status and a sentence in ASCII, and closes the connection; names and values of
 * further headers stand in turn.
 */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  sentence: string,
  headers: readonly string[] = [],
): void {
  const text = `${sentence}\n`
  const all = [...headers, ...textHeaders(text), ...inertHeaders]
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n`
  for (let at = 0; at < all.length; at += 2) head += `${all[at]}: ${all[at + 1]}\r\n`
  socket.once('finish', () => socket.destroy())
  socket.end(`${head}\r\n${text}`)
}

/** Node has let go of the connection: it reads the request once more, without the wish. */
function answerWithout(server: Server, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { rawHeaders } = req
  let text = `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]!.toLowerCase() !== 'upgrade') text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  // A connection may ask again and again.
  socket.off('error', ignore)
  socket.unshift(head)
  socket.unshift(Buffer.from(`${text}\r\n`, 'latin1'))
  server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket)
}
