import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { NoteRequest } from '../access/refused-requests.js'
import { answerText } from '../answers/node-answers.js'
import { replyUnderWay } from '../fast/reply-under-way.js'
import { readAbsoluteForm } from './absolute-form.js'

export type Upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Requests for protocols except WebSocket, such as HTTP/2 (RFC 9113 §3.1), are answered without an upgrade. */
export function takeUpgrades(
  server: Server,
  find: (req: IncomingMessage) => Upgrade | undefined,
  upgraded: WeakSet<Duplex>,
  note: NoteRequest,
): void {
  server.on('upgrade', (req, socket, head) => {
    const target = req.url!
    readAbsoluteForm(req)
    socket.on('error', ignore)
    afterReplies(socket, () => {
      const upgrade = asksForWebSocket(req) ? find(req) : undefined
      if (upgrade !== undefined) {
        upgraded.add(socket)
        upgrade(req, socket, head)
      } else if (socket.readableEnded) {
        // A stream takes back nothing after its end.
        note(req, 'upgrade')
        refuseUpgrade(socket, 400, 'Send this request without "Upgrade".')
      } else answerWithout(server, req, target, socket, head)
    })
  })
}

/** Without this, Node closes the connection without a word, also if earlier requests wait for their replies. */
export function refuseTunnels(server: Server, note: NoteRequest): void {
  server.on('connect', (req, socket) => {
    socket.on('error', ignore)
    afterReplies(socket, () => {
      note(req, 'connect')
      refuseUpgrade(socket, 501, 'This service is no proxy, so it has no CONNECT.')
    })
  })
}

/** Calls `act` after the earlier replies (RFC 9112 §9.3.2). */
function afterReplies(socket: Duplex, act: () => void): void {
  const before = replyUnderWay(socket)
  if (before === undefined) act()
  else
    before.once('close', () => {
      if (socket.writable) afterReplies(socket, act)
    })
}

const ignore = () => {}

/** False with a body, which a handshake does not have (RFC 6455 §4.1). */
export function asksForWebSocket(req: IncomingMessage): boolean {
  return req.method === 'GET' && req.headers.upgrade?.toLowerCase() === 'websocket' && !hasBody(req)
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0

/**
 * From Node.js 26, a request for an upgrade is reported after its body, which `answerWithout` cannot give back. With these
 * options, a request with a body is an ordinary request.
 */
export const upgradeOptions =
  Number.parseInt(process.versions.node, 10) < 26
    ? {}
    : { shouldUpgradeCallback: (req: IncomingMessage) => !hasBody(req) }

/** Node drops what it has read behind an ordinary request with `Upgrade`. So this reply is the connection's last. */
export function endAfterUpgrade({ headers }: IncomingMessage, res: ServerResponse): void {
  if (headers.upgrade !== undefined) res.shouldKeepAlive = false
}

/** `sentence` is ASCII. In `headers`, names and values alternate. */
export function refuseUpgrade(socket: Duplex, status: number, sentence: string, headers: readonly string[] = []): void {
  socket.once('finish', () => socket.destroy())
  socket.end(answerText(status, sentence, headers))
}

/** Gives the detached connection back to Node, with the same request but without `Upgrade`. */
function answerWithout(server: Server, req: IncomingMessage, target: string, socket: Duplex, head: Buffer): void {
  const { rawHeaders } = req
  let text = `${req.method} ${target} HTTP/${req.httpVersion}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]!.toLowerCase() !== 'upgrade') text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  socket.off('error', ignore)
  socket.unshift(head)
  socket.unshift(Buffer.from(`${text}\r\n`, 'latin1'))
  server.emit(socket instanceof TLSSocket ? 'secureConnection' : 'connection', socket)
}
