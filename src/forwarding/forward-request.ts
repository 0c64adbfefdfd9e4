import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import { sendContinue } from '../http/bodies/expect-continue.js'
import { closeLingering } from '../http/bodies/lingering-close.js'
import { endToEnd, isRefusal, toLink } from './forwarded-headers.js'
import type { Lost, PeerLink } from './peer-links.js'

/** In bytes. */
const longestRepeated = 4096

export interface RequestForwarding {
  readonly requestId?: string | undefined
  /** The whole body, if the caller has read it. */
  readonly body?: Buffer | undefined
  /**
   * Called if there is no answer. The caller answers. `body` is for another try: the whole body of the request, or
   * undefined if it is longer than 4 KiB or has not arrived.
   */
  readonly onLost: (how: Lost, body: Buffer | undefined) => void
}

/** Sends a client's request to the process that has its session, and the answer to the client. Has no timeout. */
export function forwardRequest(link: PeerLink, req: IncomingMessage, res: ServerResponse, parts: RequestForwarding) {
  const { requestId, body, onLost } = parts
  const hasBody = body === undefined ? announcesBody(req) : body.length > 0
  const stream = link.request({ ...toLink(req, requestId), ':method': req.method }, !hasBody)
  const isRead = body !== undefined || !hasBody
  const kept = isRead ? [body ?? Buffer.alloc(0)] : []
  sendContinue(res)
  let discard: ((bytes: number) => void) | undefined
  if (!isRead) pipeBody(req, stream, kept, bytes => discard?.(bytes))
  else if (hasBody) stream.end(body)
  let state: 'waiting' | 'answered' | 'refused' = 'waiting'
  stream.once('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
    state = isRefusal(headers) ? 'refused' : 'answered'
    if (state === 'refused') return
    if (!isRead && !req.complete) discard = closeLingering(res, link.clock)
    res.writeHead(headers[':status']!, flat(headers))
  })
  stream.on('data', (chunk: Buffer) => {
    if (state !== 'answered' || res.write(chunk)) return
    stream.pause()
    res.once('drain', () => stream.resume())
  })
  stream.once('end', () => {
    if (state !== 'answered' || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
    res.end()
    if (discard !== undefined) stream.close()
  })
  const forgetClient = whenGone(req, res, () => stream.close(constants.NGHTTP2_CANCEL))
  stream.once('close', () => {
    forgetClient()
    if (!isRead && !req.complete) req.resume()
    if (res.destroyed || res.writableEnded) return
    // The session's process closes the connection of a client that must get no answer.
    if (state === 'answered' || stream.rstCode === constants.NGHTTP2_CONNECT_ERROR) res.destroy()
    else onLost(state === 'refused' ? 'refused' : link.lost, isRead || req.complete ? whole(kept) : undefined)
  })
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Keeps the body in `kept`, up to a length. */
function pipeBody(
  req: IncomingMessage,
  stream: ClientHttp2Stream,
  kept: Buffer[],
  discard: (bytes: number) => void,
): void {
  let length = 0
  req.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length - chunk.length <= longestRepeated) kept.push(chunk)
    if (stream.closed) discard(chunk.length)
    else if (!stream.write(chunk)) {
      req.pause()
      stream.once('drain', () => req.resume())
    }
  })
  req.once('end', () => stream.end())
}

function whole(kept: readonly Buffer[]): Buffer | undefined {
  const body = Buffer.concat(kept)
  return body.length <= longestRepeated ? body : undefined
}

function whenGone(req: IncomingMessage, res: ServerResponse, act: () => void): () => void {
  res.once('close', act)
  // Before Node 24, a pipelined reply without a socket emits no `close` when the connection closes.
  const socket = res.socket === null ? req.socket : undefined
  socket?.setMaxListeners(0).once('close', act)
  return () => {
    res.off('close', act)
    socket?.off('close', act)
  }
}

/** Names and values alternate. */
function flat(headers: IncomingHttpHeaders): string[] {
  return Object.entries(endToEnd(headers)).flatMap(([name, value]) => [value].flat().flatMap(each => [name, `${each}`]))
}
