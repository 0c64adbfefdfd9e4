import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import { answerInText } from '../http/answers/node-answers.js'
import { closeLingering } from '../http/bodies/lingering-close.js'
import { replyWhole } from '../http/fast/fast-response.js'
import { whenClientGone } from '../lib/caller-gone.js'
import { endToEnd, isRefusal, toLink } from './forwarded-headers.js'
import type { Lost, PeerLink } from './peer-links.js'

/** In bytes. */
const longestRepeated = 4_096
const longestWithoutLength = 16_384

interface RequestForwarding {
  readonly requestId?: string | undefined
  /** The whole body, if the caller has read it. */
  readonly body?: Buffer | undefined
  /**
   * Called if there is no answer. The caller answers. `body` is for another try: the whole body of the request, or
   * undefined if it is longer than 4 KiB or has not arrived.
   */
  readonly onLost: (how: Lost, body: Buffer | undefined) => void
}

type AnswerHeaders = IncomingHttpHeaders & { readonly ':status'?: number }

/** Sends a client's request to the process that has its session, and the answer to the client. Has no timeout. */
export function forwardRequest(
  link: PeerLink,
  req: IncomingMessage,
  res: ServerResponse,
  { requestId, body, onLost }: RequestForwarding,
): void {
  if (body === undefined && req.headers['transfer-encoding'] !== undefined) {
    collectBody(link, req, res, body => forwardRequest(link, req, res, { requestId, body, onLost }))
    return
  }
  const length = body === undefined ? Number(req.headers['content-length'] ?? 0) : body.length
  const stream = link.request(toLink(req, requestId, length))
  const isRead = body !== undefined || length === 0
  const kept = isRead ? [body ?? Buffer.alloc(0)] : []
  let discard: ((bytes: number) => void) | undefined
  if (!isRead) pipeBody(req, stream, kept, bytes => discard?.(bytes))
  else if (length > 0) stream.write(body)
  let state: 'waiting' | 'answered' | 'refused' = 'waiting'
  /** Headers of an answer whose body has not begun. */
  let head: AnswerHeaders | undefined
  const writeHead = () => {
    if (head !== undefined && !res.destroyed) res.writeHead(head[':status']!, flat(head))
    head = undefined
  }
  const onData = (chunk: Buffer) => {
    if (res.destroyed) return
    if (head !== undefined && isReplied(res, head, chunk)) {
      head = undefined
      return
    }
    writeHead()
    if (res.write(chunk)) return
    stream.pause()
    res.once('drain', () => stream.resume())
  }
  stream.once('response', (headers: AnswerHeaders) => {
    state = isRefusal(headers) ? 'refused' : 'answered'
    if (state === 'refused') return void stream.resume()
    if (!isRead && !req.complete) discard = closeLingering(res, link.clock)
    head = headers
    if (headers['content-length'] === undefined) writeHead()
    // Not before: if much arrives at once over TLS, Node reports data before the headers.
    stream.on('data', onData)
  })
  stream.once('end', () => {
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
    writeHead()
    if (state === 'answered' && !res.writableEnded) res.end()
    stream.end()
  })
  // Not a reset, because `nghttp2` closes the links of a peer that resets many streams.
  const forgetClient = whenClientGone(req, res, () => {
    stream.resume()
    stream.end()
  })
  stream.once('close', () => {
    forgetClient()
    if (!isRead && !req.complete) req.resume()
    if (res.destroyed || res.writableEnded) return
    // The session's process closes the connection of a client that must get no answer.
    const isDropped = stream.rstCode === constants.NGHTTP2_INTERNAL_ERROR && link.isUsable
    if (state === 'answered' || isDropped) res.destroy()
    else onLost(state === 'refused' ? 'refused' : link.lost, isRead || req.complete ? whole(kept) : undefined)
  })
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
    if (stream.destroyed || stream.writableEnded) discard(chunk.length)
    else if (!stream.write(chunk)) {
      req.pause()
      stream.once('drain', () => req.resume())
    }
  })
}

function whole(kept: readonly Buffer[]): Buffer | undefined {
  const body = Buffer.concat(kept)
  return body.length <= longestRepeated ? body : undefined
}

/** The link needs the length of each body, because the end of the stream says that the client has gone. */
function collectBody(link: PeerLink, req: IncomingMessage, res: ServerResponse, then: (body: Buffer) => void): void {
  const chunks: Buffer[] = []
  let length = 0
  let discard: ((bytes: number) => void) | undefined
  req.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (discard !== undefined) discard(chunk.length)
    else if (length <= longestWithoutLength) chunks.push(chunk)
    else {
      discard = closeLingering(res, link.clock)
      answerInText(res, 411, 'Send a body as long as this with Content-Length.')
    }
  })
  req.once('end', () => {
    if (discard === undefined) then(Buffer.concat(chunks))
  })
}

/** Writes an answer that has arrived whole. */
function isReplied(res: ServerResponse, head: AnswerHeaders, body: Buffer): boolean {
  if (head[':status'] !== 200 || Number(head['content-length']) !== body.length || head['set-cookie'] !== undefined)
    return false
  const headers = endToEnd(head)
  let lines = ''
  for (const name in headers) if (!writtenByNode.has(name)) lines += `${name}: ${headers[name]}\r\n`
  return replyWhole(res, lines, body.toString('latin1'), body.length)
}

const writtenByNode: ReadonlySet<string> = new Set(['content-length', 'date'])

/** Names and values alternate. */
function flat(head: AnswerHeaders): string[] {
  const headers = endToEnd(head)
  const result: string[] = []
  for (const name in headers) for (const value of [headers[name]].flat()) result.push(name, String(value))
  return result
}
