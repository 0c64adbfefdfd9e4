import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Counts } from '../counts.js'
import type { Peer, Reply, Serve, Waiter } from '../exchange.js'
import type { Access } from '../http/access.js'
import { type ClientRules, cameSecurely, clientAddress } from '../http/client.js'
import { type BodyTaker, takeBody } from '../http/taken-request.js'
import { replyWhole } from '../http/whole-reply.js'
import { TurnEnd } from '../turn-end.js'
import { escapeXml } from '../xml/escape.js'
import { readUtf8 } from '../xml/utf8.js'
import type { Cors, CorsHeaders } from './cors.js'

export interface ListenerParts {
  /** Answers a request, now or later. */
  readonly serve: Serve
  /** Answers a request that is too large to be read, where its session lives. */
  readonly refuseTooLarge: (head: string, peer: Peer) => Reply | undefined
  /** What pages of other origins may do. */
  readonly cors: Cors
  /** What is believed of where requests come from. */
  readonly clients: ClientRules
  /** Which addresses may come; any unless somebody says. */
  readonly access?: Access | undefined
  /** Where this endpoint is found over TLS by whoever sends a request, as far as that is known. */
  readonly secureUrl: (req: IncomingMessage) => string | undefined
  /** Where people are sent who come over no TLS; undefined where they get the page all the same. */
  readonly redirectUrl: (req: IncomingMessage) => string | undefined
  /** What people read who open the path in a browser. */
  readonly getText: string
  /** Longest request body, in bytes. */
  readonly maxBodyBytes: number
  /** Hears of what was not foreseen: the request that it happened in has been answered with 500. */
  readonly report: (error: unknown) => void
  /** What is counted of it; counts of its own unless somebody wants to see them. */
  readonly counts?: Counts
}

interface Parts extends Required<ListenerParts> {
  /** Whose replies are ready to leave. */
  readonly departures: TurnEnd<HttpPeer>
}

/** How many replies leave at once while others are still made. */
const departing = 16

/** How long a client may read nothing of a reply that waits for it, in milliseconds. */
const unreadMilliseconds = 60_000

/** What is read and thrown away of a body that is too large, so that its sender gets to see the answer. */
const mostDiscarded = 8_000_000

/** How much of a body tells whose it is. */
const headBytes = 1024

/** A client that has something to say over HTTP and waits for the reply. What is seldom asked of it is looked up then. */
class HttpPeer implements Peer, Waiter, BodyTaker {
  gone = false
  whenGone: (() => void) | undefined
  readonly #res: ServerResponse
  readonly #parts: Parts
  #address: string | undefined
  #reply: Reply | undefined
  #chunks: Buffer[] | undefined
  /** How many bytes have come. */
  #size = 0

  constructor(res: ServerResponse, parts: Parts) {
    this.#res = res
    this.#parts = parts
  }

  get kind() {
    return 'browser' as const
  }

  get address(): string {
    // The connection cannot tell any more once it is closed.
    this.#address ??= clientAddress(this.#res.req, this.#parts.clients)
    return this.#address
  }

  get secure(): boolean {
    return cameSecurely(this.#res.req, this.#parts.clients)
  }

  get cookies(): string | undefined {
    return this.#res.req.headers.cookie
  }

  get secureUrl(): string | undefined {
    return this.#parts.secureUrl(this.#res.req)
  }

  onData(chunk: Buffer): void {
    const { counts, maxBodyBytes } = this.#parts
    this.#size += chunk.length
    counts.bytesReceived += chunk.length
    // The beginning is kept even of what is too large: it may say whose it is.
    if (this.#chunks === undefined) this.#chunks = [chunk]
    else if (this.#size <= maxBodyBytes || this.#size - chunk.length < headBytes) this.#chunks.push(chunk)
    else if (this.#size > mostDiscarded) this.#refuseTooLarge()
  }

  onEnd(): void {
    if (this.#size > this.#parts.maxBodyBytes) {
      this.#refuseTooLarge()
      return
    }
    const chunks = this.#chunks
    // A held request must not keep its bytes.
    this.#chunks = undefined
    const body = chunks?.length === 1 ? chunks[0]! : Buffer.concat(chunks ?? [])
    try {
      // Text in any other encoding reaches the parser as nothing, and is refused as such.
      this.#parts.serve(readUtf8(body) ?? '', this, this)
    } catch (error) {
      breakOff(this.#res, this.#parts, error)
    }
  }

  onGone(): void {
    if (this.#res.writableFinished || this.gone) return
    this.gone = true
    this.whenGone?.()
  }

  answer(reply: Reply): void {
    if (this.#reply !== undefined) return
    this.#reply = reply
    this.#parts.departures.add(this)
  }

  depart(): void {
    send(this.#res, this.#reply!, this.#parts)
  }

  #refuseTooLarge(): void {
    if (!this.#res.headersSent) refuseTooLarge(this.#res, Buffer.concat(this.#chunks!), this, this.#parts)
  }
}

/**
 * The BOSH path over HTTP: POST is the protocol, GET a page for people, OPTIONS the preflight (XEP-0124 §5).
 * A plain listener: it can stand before Express, or be mounted in an Express app.
 */
export function createBoshListener(
  about: ListenerParts,
): (req: IncomingMessage, res: ServerResponse) => void {
  const departures = new TurnEnd<HttpPeer>(departing, peer => peer.depart())
  const parts: Parts = { counts: new Counts(), access: undefined, ...about, departures }

  return (req, res) => {
    try {
      answer(req, res, parts)
    } catch (error) {
      breakOff(res, parts, error)
    }
  }
}

function answer(req: IncomingMessage, res: ServerResponse, parts: Parts): void {
  if (parts.access?.(clientAddress(req, parts.clients)) === false) {
    refuseAddress(req, res, parts)
    return
  }
  switch (req.method) {
    case 'POST':
      post(req, res, parts)
      break
    case 'GET':
    case 'HEAD':
      page(req, res, parts)
      break
    case 'OPTIONS':
      preflight(res, parts)
      break
    default:
      fail(res, parts, 405, ['Allow', 'GET, HEAD, OPTIONS, POST'])
  }
}

/** Whatever was not foreseen ends this request and no other. */
function breakOff(res: ServerResponse, parts: Parts, error: unknown): void {
  parts.report(error)
  if (res.headersSent) {
    res.destroy()
    return
  }
  res.writeHead(500, ['Content-Length', '0', 'Cache-Control', 'no-store'])
  res.end()
}

function post(req: IncomingMessage, res: ServerResponse, parts: Parts): void {
  const { counts } = parts
  counts.requests += 1
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    counts.failedRequests += 1
    fail(res, parts, 415)
    req.resume()
    return
  }
  takeBody(req, res, new HttpPeer(res, parts))
}

function send(res: ServerResponse, reply: Reply, parts: Parts): void {
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

function write(res: ServerResponse, reply: Reply, parts: Parts): void {
  const { status, body, contentType, setCookie } = reply
  const length = Buffer.byteLength(body)
  parts.counts.bytesSent += length
  const cors = corsOf(res, parts)
  const lines = `Content-Type: ${contentType}\r\nCache-Control: no-store\r\n${cors.lines}`
  const isUsual = status === 200 && setCookie === undefined
  if (!isUsual || !replyWhole(res, lines, body, length)) {
    const headers = ['Content-Type', contentType, 'Content-Length', String(length)]
    headers.push('Cache-Control', 'no-store', ...cors.answer)
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

/** Nothing else would ever end a connection whose client reads no more. */
function expectReader(res: ServerResponse): void {
  const { socket } = res
  socket?.setTimeout(unreadMilliseconds)
  res.once('finish', () => {
    // Where Node has not set another time by now, the next request may be held for longer.
    if (socket?.timeout === unreadMilliseconds) socket.setTimeout(0)
  })
}

function refuseTooLarge(res: ServerResponse, head: Buffer, peer: Peer, parts: Parts): void {
  const reply = parts.refuseTooLarge(head.toString('latin1', 0, headBytes), peer)
  res.once('finish', () => res.destroy())
  res.shouldKeepAlive = false
  if (reply === undefined) {
    parts.counts.failedRequests += 1
    fail(res, parts, 413)
  } else send(res, reply, parts)
}

function page(req: IncomingMessage, res: ServerResponse, parts: Parts): void {
  const secure = cameSecurely(req, parts.clients)
  const elsewhere = secure ? undefined : parts.redirectUrl(req)
  if (elsewhere !== undefined) {
    fail(res, parts, 308, ['Location', elsewhere])
    return
  }
  const warning = secure ? '' : '<p>This request did not come over an encrypted channel.</p>'
  const html = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>BOSH endpoint</title></head><body><h1>BOSH endpoint</h1><p>${escapeXml(parts.getText)}</p>${warning}</body></html>`
  res.writeHead(200, [
    'Content-Type',
    'text/html; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(html)),
    'Cache-Control',
    'no-store',
    'Content-Security-Policy',
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    'X-Content-Type-Options',
    'nosniff',
    'X-Frame-Options',
    'DENY',
    ...corsOf(res, parts).answer,
  ])
  res.end(req.method === 'HEAD' ? undefined : html)
}

function refuseAddress(req: IncomingMessage, res: ServerResponse, parts: Parts): void {
  if (req.method === 'POST') {
    parts.counts.requests += 1
    parts.counts.failedRequests += 1
  }
  fail(res, parts, 403)
  req.resume()
}

function preflight(res: ServerResponse, parts: Parts): void {
  res.writeHead(204, ['Cache-Control', 'no-store', ...corsOf(res, parts).preflight])
  res.end()
}

function fail(res: ServerResponse, parts: Parts, status: number, headers: readonly string[] = []): void {
  const { answer } = corsOf(res, parts)
  res.writeHead(status, ['Content-Length', '0', 'Cache-Control', 'no-store', ...answer, ...headers])
  res.end()
}

function corsOf(res: ServerResponse, { cors }: Parts): CorsHeaders {
  return cors(res.req.headers.origin)
}
