import type { IncomingMessage } from 'node:http'
import type { IncomingHttpHeaders, IncomingHttpStatusHeader, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { hasCertificate, isEncrypted } from '../http/access/client-rules.js'
import { peerOf, unixSocketPeer } from '../http/access/socket-peers.js'

/** What the process of the session must know about the client's connection. The settings are the same there. */
export interface ForwardedClient {
  readonly address: string | undefined
  readonly isSecure: boolean
  readonly hasCertificate: boolean
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly isAtUnixSocket: boolean
  readonly isTrusted?: boolean | undefined
  readonly isForwarded: boolean
}

/** Only processes set headers with this prefix. From clients, they are removed. */
const prefix = 'warm-'

// A target or host of a client may be invalid in HTTP/2, so `:path` and `:authority` do not carry them.
const names = {
  target: `${prefix}target`,
  host: `${prefix}host`,
  client: `${prefix}client`,
  requestId: `${prefix}request-id`,
  length: `${prefix}length`,
  refused: `${prefix}refused`,
  note: `${prefix}note`,
}

/** RFC 9110 §7.6.1. The process with the client has answered `Expect`. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What the process with the client adds. */
export interface ToPeer {
  readonly requestId?: string | undefined
  /** See `noteOf`. */
  readonly note?: string | undefined
}

/** Headers of a client's request for the link. `length`: bytes of the body. */
export function toLink(req: IncomingMessage, { requestId, note }: ToPeer, length: number): OutgoingHttpHeaders {
  const { host } = req.headers
  const headers = endToEnd(req.headers)
  delete headers['host']
  // `nghttp2` counts an incomplete body as a fault of the peer.
  delete headers['content-length']
  headers[':method'] = req.method
  headers[':path'] = '/'
  headers[':authority'] = 'peer'
  // Express takes the path of a router from `url`.
  headers[names.target] = (req as { readonly originalUrl?: string }).originalUrl ?? req.url
  headers[names.client] = clientOf(req)
  if (length > 0) headers[names.length] = length
  if (host !== undefined) headers[names.host] = host
  if (requestId !== undefined) headers[names.requestId] = requestId
  if (note !== undefined) headers[names.note] = encodeURIComponent(note)
  return headers
}

/** A request as its client sent it, and the client. */
export function fromLink(headersIn: IncomingHttpHeaders) {
  const { [names.host]: host, [names.requestId]: requestId } = headersIn
  const headers: NodeJS.Dict<string | string[]> = host === undefined ? {} : { host }
  for (const name in headersIn) if (isHeader(name)) headers[name] = headersIn[name]
  if (requestId !== undefined) headers['x-request-id'] = requestId
  const url = headersIn[names.target] as string
  const length = headersIn[names.length] as string | undefined
  if (length !== undefined) headers['content-length'] = length
  return {
    url,
    headers,
    length: Number(length ?? 0),
    note: headersIn[names.note] as string | undefined,
    client: JSON.parse(headersIn[names.client] as string) as ForwardedClient,
  }
}

/**
 * Without the headers of one connection, and of the link. Headers that `Connection` names stay: a client could name
 * `X-Forwarded-For`, which its proxy has written.
 */
export function endToEnd(headers: NodeJS.Dict<string | string[]>): OutgoingHttpHeaders {
  const result: OutgoingHttpHeaders = {}
  for (const name in headers) if (isHeader(name) && !hopByHop.has(name)) result[name] = headers[name]
  return result
}

const isHeader = (name: string) => !name.startsWith(':') && !name.startsWith(prefix)

export type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader

/** Answers that the session is not in this process. The other process may ask elsewhere. */
export function refuseStream(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 421, [names.refused]: 'true' }, { endStream: true })
}

/** True for the answer of `refuseStream`. */
export function isRefusal(headers: IncomingHttpHeaders): boolean {
  return headers[names.refused] !== undefined
}

const written = new WeakMap<Socket, string>()

/** A `ForwardedClient` as JSON, written once for each connection. */
function clientOf(req: IncomingMessage): string {
  const socket: Socket = req.socket
  const before = written.get(socket)
  if (before !== undefined) return before
  const peer = peerOf(socket)
  const client: ForwardedClient = {
    address: socket.remoteAddress,
    isSecure: isEncrypted(req),
    hasCertificate: hasCertificate(req),
    localAddress: socket.localAddress,
    localPort: socket.localPort,
    isAtUnixSocket: peer === unixSocketPeer,
    isTrusted: peer?.isTrusted,
    isForwarded: peer?.isForwarded ?? false,
  }
  const text = JSON.stringify(client)
  written.set(socket, text)
  return text
}
