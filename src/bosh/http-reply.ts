import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Counts } from '../counts.js'
import { replyWhole } from '../http/fast/fast-response.js'
import { inertHeaders } from '../http/page-policy.js'
import { type Cors, type CorsHeaders, linesOf } from './cors.js'
import type { Reply } from './peer.js'

export interface ReplyParts {
  /** What pages of other origins may do. */
  readonly cors: Cors
  /** Hears of what was not foreseen: the request that it happened in has been answered with 500. */
  readonly report: (error: unknown) => void
  readonly counts: Counts
}

/** How long a client may read nothing of a reply that waits for it, in milliseconds. */
const unreadMilliseconds = 60_000

/** The same for all replies. */
const inertLines = linesOf(inertHeaders)

/** Writes the reply to a request. */
export function send(res: ServerResponse, reply: Reply, parts: ReplyParts): void {
  if (res.destroyed) return
  if (reply.status === 0) {
    res.destroy()
    return
  }
  try {
    write(res, reply, parts)
  } catch (error) {
    breakOff(res, parts, error)
  }
}

function write(res: ServerResponse, reply: Reply, parts: ReplyParts): void {
  const { status, body, contentType, setCookie } = reply
  const length = Buffer.byteLength(body)
  parts.counts.bytesSent += length
  const cors = corsOf(res, parts)
  const lines = `Content-Type: ${contentType}\r\n${inertLines}${cors.lines}`
  const isUsual = status === 200 && setCookie === undefined
  if (!isUsual || !replyWhole(res, lines, body, length)) {
    const headers = ['Content-Type', contentType, 'Content-Length', String(length)]
    headers.push(...inertHeaders, ...cors.answer)
    if (setCookie !== undefined) headers.push('Set-Cookie', setCookie)
    res.writeHead(status, headers)
    if (body !== '') {
      // Header and body leave as one piece; `end` would add an empty second one.
      res.cork()
      res.write(body)
      res.uncork()
    }
    res.end()
  }
  if (res.writableLength > 0) expectReader(res)
}

/** Ends the connection of a client that reads no more; nothing else would. */
function expectReader(res: ServerResponse): void {
  const { socket } = res
  socket?.setTimeout(unreadMilliseconds)
  res.once('finish', () => {
    // Where Node has not set another time by now, the next request may be held for longer.
    if (socket?.timeout === unreadMilliseconds) socket.setTimeout(0)
  })
}

/** Answers with a status and nothing else. */
export function fail(
  res: ServerResponse,
  parts: ReplyParts,
  status: number,
  headers: readonly string[] = [],
): void {
  res.writeHead(status, ['Content-Length', '0', ...inertHeaders, ...corsOf(res, parts).answer, ...headers])
  res.end()
}

/** Whatever was not foreseen ends this request and no other. */
export function breakOff(res: ServerResponse, parts: ReplyParts, error: unknown): void {
  parts.report(error)
  if (res.headersSent) {
    res.destroy()
    return
  }
  res.writeHead(500, ['Content-Length', '0', ...inertHeaders])
  res.end()
}

export function corsOf(res: ServerResponse, { cors }: ReplyParts): CorsHeaders {
  return cors(res.req.headers.origin)
}
