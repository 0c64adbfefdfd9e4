import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { setPeer, unixSocketPeer } from '../http/access/socket-peers.js'
import { rawSocket } from '../http/fast/reply-under-way.js'
import { withFileMode } from '../http/listening/listen-at.js'
import { removeStaleSocket } from '../http/listening/unix-sockets.js'
import type { Upgrade } from '../http/listening/upgrades.js'
import { clientIn, refuseStream } from './forwarded-headers.js'
import { LinkConnection } from './link-connection.js'
import {
  connectionWindow,
  linkOptions,
  longestHeaders,
  type PeerAddress,
  preSharedKey,
  pskOptions,
} from './link-settings.js'
import { type AnswerCall, answerCall, callHeader } from './peer-calls.js'

/** In milliseconds. */
const longestHandshake = 5_000
const mostHandshakes = 64

/** Returns false for a stream that it does not serve. */
export type AcceptStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean

interface PeerListenerParts {
  readonly address: PeerAddress
  /** For TCP. Each key proves peers. A Unix socket needs none: only this user can connect. */
  readonly keys: () => readonly KeyObject[]
  readonly listener: RequestListener
  readonly upgradeFor: (req: IncomingMessage) => Upgrade | undefined
  readonly accept: AcceptStream
  readonly answer: AnswerCall
  readonly report: (error: unknown) => void
}

export type PeerListener = Awaited<ReturnType<typeof listenForPeers>>

/** Hands the requests that other processes forward to the listener of this process. */
export async function listenForPeers(parts: PeerListenerParts) {
  const { address, keys } = parts
  const sessions = new Map<ServerHttp2Session, Set<ServerHttp2Stream>>()
  const http = createHttpServer({ maxHeaderSize: longestHeaders, requireHostHeader: false }, parts.listener)
  http.on('upgrade', (req, connection, head) => {
    const upgrade = parts.upgradeFor(req)
    if (upgrade === undefined) refuseForwarded(req)
    else upgrade(req, connection, head)
  })
  const server = 'path' in address ? createServer(linkOptions) : createProvenServer(keys)
  server.on('session', session => {
    const streams = new Set<ServerHttp2Stream>()
    sessions.set(session, streams)
    session.setLocalWindowSize(connectionWindow)
    session
      .on('error', ignore)
      .once('close', () => sessions.delete(session))
      .once('goaway', () => {
        for (const stream of [...streams]) stream.emit(leaving)
      })
  })
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    try {
      const call = headers[callHeader]
      stream.on('error', ignore)
      if (call !== undefined) return answerCall(stream, String(call), parts.answer, parts.report)
      const streams = sessions.get(stream.session as ServerHttp2Session)
      streams?.add(stream)
      stream.once('close', () => streams?.delete(stream))
      if (!parts.accept(stream, headers)) http.emit('connection', connectionOf(stream, headers))
    } catch (error) {
      parts.report(error)
      stream.destroy()
    }
  })
  if ('path' in address) {
    await removeStaleSocket(address.path)
    await once(
      // Not shared with other workers: peers mean this process.
      withFileMode(0o600, () => server.listen({ path: address.path, exclusive: true })),
      'listening',
    )
  } else await once(server.listen({ ...address, exclusive: true }), 'listening')
  server.on('error', parts.report)
  return {
    address: server.address(),
    /** Peers send nothing more. Cuts what is still under way after `milliseconds`. */
    async close(milliseconds = 0): Promise<void> {
      if (server.listening) server.close()
      for (const session of sessions.keys()) session.close()
      const closed = Promise.all(
        [...sessions.keys()].map(session => new Promise(closed => session.once('close', closed))),
      )
      if (milliseconds > 0)
        await Promise.race([closed, new Promise(resolve => setTimeout(resolve, milliseconds).unref())])
      for (const session of sessions.keys()) session.destroy()
      await closed
    },
  }
}

const ignore = () => {}

/** Anybody can connect here, and begin a handshake. */
function createProvenServer(keys: PeerListenerParts['keys']): Http2SecureServer {
  const server = createSecureServer({
    ...linkOptions,
    ...pskOptions,
    handshakeTimeout: longestHandshake,
    pskCallback: (_socket, name) =>
      keys()
        .map(preSharedKey)
        .find(({ identity }) => identity === name)?.psk ?? null,
  })
  const handshakes = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true)
    handshakes.add(socket)
    socket.once('close', () => handshakes.delete(socket))
    // A peer's handshake takes milliseconds, so the oldest is no peer's.
    const [oldest] = handshakes
    if (handshakes.size > mostHandshakes) oldest!.destroy()
  })
  server.on('secureConnection', (socket: TLSSocket) => handshakes.delete(rawSocket(socket)))
  return server
}

/** Emitted by the stream of a request, and by the socket of a WebSocket: the process with the client stops. */
export const leaving = 'leaving'

/** What the process with the client tells about its requests and WebSockets, by connection. */
const forwarded = new WeakMap<object, { readonly stream: ServerHttp2Stream; readonly note: string | undefined }>()

/** For Node's HTTP server: stands for the connection of a client of another process. */
function connectionOf(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): LinkConnection {
  const { client, note } = clientIn(headers)
  const { address, isSecure, isTrusted, isForwarded, isAtUnixSocket, ...others } = client
  const about = { ...others, encrypted: isSecure, remoteAddress: address }
  const connection = Object.assign(new LinkConnection(stream), about)
  if (isAtUnixSocket) setPeer(connection.asSocket, unixSocketPeer)
  else if (isTrusted !== undefined || isForwarded)
    setPeer(connection.asSocket, { address: address ?? 'unknown', isTrusted, isForwarded })
  stream.once(leaving, () => connection.emit(leaving))
  forwarded.set(connection, { stream, note })
  return connection
}

/** True for a request that another process has forwarded. It must not be forwarded again. */
export function isForwardedByPeer({ socket }: IncomingMessage): boolean {
  return forwarded.has(socket)
}

/** Tells the process that forwarded the request that the session is not here. */
export function refuseForwarded({ socket }: IncomingMessage): void {
  const stream = forwarded.get(socket)?.stream
  if (stream === undefined || stream.destroyed || stream.headersSent) return
  refuseStream(stream)
  socket.destroySoon()
}

/** What the process with the client tells about its WebSocket or request. */
export function noteOf({ socket }: IncomingMessage): string | undefined {
  return forwarded.get(socket)?.note
}
