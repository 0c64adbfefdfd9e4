import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import type { IncomingHttpHeaders, IncomingHttpStatusHeader, ServerHttp2Stream } from 'node:http2'
import { hasCertificate, isEncrypted } from '../http/access/client-rules.js'
import { peerOf, unixSocketPeer } from '../http/access/socket-peers.js'
import { LinkConnection } from './link-connection.js'
import type { PeerLink } from './peer-links.js'

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

const clientHeader = 'warm-client'
const noteHeader = 'warm-note'
const refusedHeader = 'warm-refused'

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

/** Begins a client's request. The stream carries it as HTTP/1.1, which Node writes here, and reads at the other end. */
export function requestOver(link: PeerLink, req: IncomingMessage, toPeer: ToPeer, more: OutgoingHttpHeaders) {
  const { requestId, note } = toPeer
  const stream = link.request({
    ':method': 'POST',
    ':path': '/',
    ':authority': 'peer',
    [clientHeader]: JSON.stringify(clientOf(req)),
    ...(note !== undefined && { [noteHeader]: encodeURIComponent(note) }),
  })
  const headers = { ...endToEnd(req.headers), ...more }
  if (requestId !== undefined) headers['x-request-id'] = requestId
  const sent = request({
    method: req.method,
    // Express takes the path of a router from `url`.
    path: (req as { readonly originalUrl?: string }).originalUrl ?? req.url,
    headers,
    setHost: false,
    createConnection: () => new LinkConnection(stream),
  })
  // The end of the stream says how the request was lost.
  sent.on('error', () => {})
  return { stream, request: sent }
}

/** What `requestOver` says of the client, and the note. */
export function clientIn(headers: IncomingHttpHeaders) {
  const client = JSON.parse(headers[clientHeader] as string) as ForwardedClient
  const note = headers[noteHeader] as string | undefined
  return { client, note: note && decodeURIComponent(note) }
}

/**
 * Without the headers of one connection. Headers that `Connection` names stay: a client could name `X-Forwarded-For`,
 * which its proxy has written.
 */
export function endToEnd(headers: IncomingMessage['headers']): OutgoingHttpHeaders {
  const result: OutgoingHttpHeaders = {}
  for (const name in headers) if (!hopByHop.has(name)) result[name] = headers[name]
  return result
}

export type AnswerHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader

/** Answers that the session is not in this process. The other process may ask elsewhere. */
export function refuseStream(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 421, [refusedHeader]: 'true' }, { endStream: true })
}

/** True for the answer of `refuseStream`. */
export function isRefusal(headers: IncomingHttpHeaders): boolean {
  return headers[refusedHeader] !== undefined
}

function clientOf(req: IncomingMessage): ForwardedClient {
  const { socket } = req
  const peer = peerOf(socket)
  return {
    address: socket.remoteAddress,
    isSecure: isEncrypted(req),
    hasCertificate: hasCertificate(req),
    localAddress: socket.localAddress,
    localPort: socket.localPort,
    isAtUnixSocket: peer === unixSocketPeer,
    isTrusted: peer?.isTrusted,
    isForwarded: peer?.isForwarded ?? false,
  }
}
