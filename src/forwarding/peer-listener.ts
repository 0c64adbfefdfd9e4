import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
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
import { type Place, socketPath } from '../config/kinds/listen-addresses.js'
import { rawSocket } from '../http/fast/reply-under-way.js'
import { withFileMode } from '../http/listening/listen-at.js'
import { removeStaleSocket } from '../http/listening/unix-sockets.js'
import type { Upgrade } from '../http/listening/upgrades.js'
import { ForwardedConnection } from './forwarded-connection.js'
import { fromLink } from './forwarded-headers.js'
import { connectionWindow, linkOptions, preSharedKey, pskOptions } from './link-settings.js'
import { type AnswerCall, answerCall, callHeader } from './peer-calls.js'

/** In milliseconds. */
const longestHandshake = 5_000
const mostHandshakes = 64

/** Returns false for a stream that it does not serve. */
export type AcceptStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean

interface PeerListenerParts {
  readonly address: Place
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
  const path = socketPath(address.host)
  const sessions = new Map<ServerHttp2Session, Set<ServerHttp2Stream>>()
  const server = path !== undefined ? createServer(linkOptions) : createProvenServer(keys)
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
      if (call !== undefined) return void answerCall(stream, String(call), parts.answer, parts.report)
      const streams = sessions.get(stream.session as ServerHttp2Session)
      streams?.add(stream)
      stream.once('close', () => streams?.delete(stream))
      if (!parts.accept(stream, headers)) serve(stream, headers, parts)
    } catch (error) {
      parts.report(error)
      stream.destroy()
    }
  })
  if (path !== undefined) {
    await removeStaleSocket(path)
    await once(
      // Not shared with other workers: peers mean this process.
      withFileMode(0o600, () => server.listen({ path, exclusive: true })),
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

function serve(stream: ServerHttp2Stream, headersIn: IncomingHttpHeaders, parts: PeerListenerParts): void {
  const { url, headers, length, note, client } = fromLink(headersIn)
  const connection = new ForwardedConnection(stream, client)
  connection.note = note && decodeURIComponent(note)
  const socket = connection.asSocket
  const req = new IncomingMessage(socket)
  const isWebSocket = headersIn[':protocol'] !== undefined
  req.method = isWebSocket ? 'GET' : headersIn[':method']!
  req.url = url
  req.httpVersion = '1.1'
  req.httpVersionMajor = 1
  req.httpVersionMinor = 1
  req.headers = isWebSocket ? { ...headers, upgrade: 'websocket', connection: 'Upgrade' } : headers
  req.rawHeaders = Object.entries(req.headers).flatMap(([name, value]) => [value].flat().flatMap(each => [name, each!]))
  if (isWebSocket) {
    const upgrade = parts.upgradeFor(req)
    connection.on('error', ignore)
    stream.once(leaving, () => connection.emit(leaving))
    if (upgrade === undefined) connection.refuse()
    else upgrade(req, connection, Buffer.alloc(0))
    return
  }
  const res = new ServerResponse(req)
  // The end of the stream ends the answer.
  res.useChunkedEncodingByDefault = false
  res.assignSocket(socket)
  res.once('finish', () => socket.destroySoon())
  let left = length
  const complete = () => {
    req.complete = true
    req.push(null)
  }
  connection.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (!req.push(chunk) && left > 0) connection.pause()
    if (left === 0) complete()
  })
  // Node's server does this for its own connections.
  connection.on('drain', () => {
    if (res.writableEnded) return
    Object.defineProperty(res, 'writableNeedDrain', { get: () => socket.writableNeedDrain, configurable: true })
    res.emit('drain')
  })
  // The client has gone.
  connection.once('end', () => connection.destroy())
  connection.on('error', ignore)
  connection.once('close', () => {
    if (!res.writableFinished) req.destroy()
  })
  parts.listener(req, res)
  if (length === 0) complete()
}

/** True for a request that another process has forwarded. It must not be forwarded again. */
export function isForwardedByPeer({ socket }: IncomingMessage): boolean {
  return (socket as object) instanceof ForwardedConnection
}

/** Tells the process that forwarded the request that the session is not here. */
export function refuseForwarded({ socket }: IncomingMessage): void {
  ;(socket as object as ForwardedConnection).refuse()
}

/** What the process with the client tells about its WebSocket or request. */
export function noteOf({ socket }: IncomingMessage): string | undefined {
  return (socket as object) instanceof ForwardedConnection ? (socket as object as ForwardedConnection).note : undefined
}
