import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import { answerInText, inertHeaders } from '../../http/answers/node-answers.js'
import { FastResponse } from '../../http/fast/fast-response.js'
import { problems } from '../../lib/errors.js'
import type { TransportParts } from '../transport-parts.js'
import type { Cors } from './cors.js'
import type { Reply } from './peer.js'

export interface ReplyParts {
  readonly transport: TransportParts
  readonly cors: Cors
}

export function corsOf(res: ServerResponse, { cors }: ReplyParts) {
  return cors(res.req.headers.origin)
}

export function send(res: ServerResponse, reply: Reply, parts: ReplyParts) {
  if (res.destroyed) return
  if (reply.status === 0) return void res.destroy()
  try {
    write(res, reply, parts)
  } catch (error) {
    breakOff(res, parts, error)
  }
}

function write(res: ServerResponse, reply: Reply, parts: ReplyParts): void {
  const { status, body, contentType, setCookie } = reply
  const length = Buffer.byteLength(body)
  parts.transport.counts.pages.bosh.sent += length
  const cors = corsOf(res, parts)
  const lines = `Content-Type: ${contentType}\r\n${cors.lines}`
  const isUsual = status === 200 && setCookie === undefined
  if (isUsual && res instanceof FastResponse && res.sendWhole(lines, body, length)) return
  const headers = ['Content-Type', contentType, 'Content-Length', String(length)]
  headers.push(...inertHeaders, ...cors.answer)
  if (setCookie !== undefined) headers.push('Set-Cookie', setCookie)
  res.writeHead(status, headers)
  if (body !== '') {
    // `cork` makes one write of header and body. After a single `end(body)`, Node would write an empty chunk, too.
    res.cork()
    res.write(body)
    res.uncork()
  }
  res.end()
}

export function fail(
  res: ServerResponse,
  parts: ReplyParts,
  status: number,
  sentence: string,
  headers: readonly string[] = [],
): void {
  answerInText(res, status, sentence, [...corsOf(res, parts).answer, ...headers])
}

export function breakOff(res: ServerResponse, parts: ReplyParts, error: unknown): void {
  parts.transport.report(error)
  if (res.headersSent) res.destroy()
  else answerInText(res, 500, problems['internal-error'].sentence)
}
