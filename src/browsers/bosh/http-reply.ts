import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Config } from '../../config/config.js'
import { answerBare, inertHeaders } from '../../http/answers/node-answers.js'
import { replyWhole } from '../../http/fast/fast-response.js'
import type { Counts } from '../../lib/counts.js'
import type { Reply } from './peer.js'

export type Cors = ReturnType<typeof createCors>

export interface ReplyParts {
  readonly cors: Cors
  readonly report: (error: unknown) => void
  readonly counts: Counts
}

/** In each list, names and values alternate. */
const corsHeaders = (answer: readonly string[], ofPreflight: readonly string[] = []) => ({
  answer,
  lines: linesOf([...inertHeaders, ...answer]),
  preflight: [...answer, ...ofPreflight],
})

export function createCors({ origins, credentials, headers, methods, maxAge }: Config['cors']) {
  const ofPreflight = [
    ...['Access-Control-Allow-Methods', methods.join(', ')],
    ...['Access-Control-Allow-Headers', headers.join(', ')],
    ...['Access-Control-Max-Age', String(maxAge)],
  ]
  const isForAll = origins.includes('*')
  const more = ['Vary', 'Origin', ...(credentials ? ['Access-Control-Allow-Credentials', 'true'] : [])]
  const listed = new Map(
    origins.map(origin => {
      const answer = ['Access-Control-Allow-Origin', origin, ...(isForAll ? [] : more)]
      return [origin, corsHeaders(answer, ofPreflight)]
    }),
  )
  const others = listed.get('*') ?? corsHeaders([])
  return (origin: string | undefined) => (isForAll ? others : (listed.get(origin ?? '') ?? others))
}

function linesOf(headers: readonly string[]): string {
  return headers.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('')
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
  parts.counts.pages.bosh.sent += length
  const cors = corsOf(res, parts)
  const lines = `Content-Type: ${contentType}\r\n${cors.lines}`
  const isUsual = status === 200 && setCookie === undefined
  if (isUsual && replyWhole(res, lines, body, length)) return
  const headers = ['Content-Type', contentType, 'Content-Length', String(length)]
  headers.push(...inertHeaders, ...cors.answer)
  if (setCookie !== undefined) headers.push('Set-Cookie', setCookie)
  res.writeHead(status, headers)
  if (body !== '') {
    // Without `cork`, `end` would add an empty chunk.
    res.cork()
    res.write(body)
    res.uncork()
  }
  res.end()
}

export function fail(res: ServerResponse, parts: ReplyParts, status: number, ...headers: string[]): void {
  answerBare(res, status, [...corsOf(res, parts).answer, ...headers])
}

export function breakOff(res: ServerResponse, parts: ReplyParts, error: unknown): void {
  parts.report(error)
  if (res.headersSent) res.destroy()
  else answerBare(res, 500)
}
