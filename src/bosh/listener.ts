import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Exchange, Peer, Reply } from '../exchange.js'
import { escapeXml } from '../xml/escape.js'

export interface ListenerParts {
  readonly exchange: Exchange
  /** Answers a request that is too large to be read, where its session lives. */
  readonly refuseTooLarge: (head: string) => Reply | undefined
  /** Whether requests count as encrypted whatever they came over. */
  readonly assumeSecure: boolean
  /** What people read who open the path in a browser. */
  readonly getText: string
  /** Longest request body, in bytes. */
  readonly maxBodyBytes: number
}

/** What is read and thrown away of a body that is too large, so that its sender gets to see the answer. */
const mostDiscarded = 8_000_000

const everyone = ['Access-Control-Allow-Origin', '*'] as const

/** A client that waits for a reply over HTTP. */
class HttpPeer implements Peer {
  readonly kind = 'browser'
  gone = false
  whenGone: (() => void) | undefined

  constructor(
    readonly address: string,
    readonly secure: boolean,
  ) {}

  leave(): void {
    this.gone = true
    this.whenGone?.()
  }
}

/**
 * The BOSH path over HTTP: POST is the protocol, GET a page for people, OPTIONS the preflight (XEP-0124 §5).
 * A plain listener: it can stand before Express, or be mounted in an Express app.
 */
export function createBoshListener(
  parts: ListenerParts,
): (req: IncomingMessage, res: ServerResponse) => void {
  const isSecure = (req: IncomingMessage) =>
    parts.assumeSecure || (req.socket as TLSSocket).encrypted === true

  return (req, res) => {
    switch (req.method) {
      case 'POST':
        post(req, res, parts, isSecure(req))
        break
      case 'GET':
      case 'HEAD':
        page(req, res, parts.getText, isSecure(req))
        break
      case 'OPTIONS':
        preflight(res)
        break
      default:
        fail(res, 405, ['Allow', 'GET, HEAD, OPTIONS, POST'])
    }
  }
}

function post(req: IncomingMessage, res: ServerResponse, parts: ListenerParts, secure: boolean): void {
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    fail(res, 415, [])
    req.resume()
    return
  }
  const chunks: Buffer[] = []
  let size = 0
  req.on('data', (chunk: Buffer) => {
    size += chunk.length
    // The beginning is kept even of what is too large: it may say whose it is.
    if (size <= parts.maxBodyBytes || chunks.length === 0) chunks.push(chunk)
    else if (size > mostDiscarded && !res.headersSent) refuseTooLarge(res, chunks[0]!, parts)
  })
  req.once('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    if (size > parts.maxBodyBytes) {
      if (!res.headersSent) refuseTooLarge(res, body, parts)
      return
    }
    const peer = new HttpPeer(req.socket.remoteAddress ?? '', secure)
    res.once('close', () => {
      if (!res.writableFinished) peer.leave()
    })
    // Text in any other encoding reaches the parser as nothing, and is refused as such.
    const text = isUtf8(body) ? body.toString() : ''
    void parts.exchange(text, peer).then(reply => send(res, reply))
  })
}

function send(res: ServerResponse, { status, body, contentType }: Reply): void {
  if (res.destroyed) return
  if (status === 0) {
    res.destroy()
    return
  }
  res.writeHead(status, [
    'Content-Type',
    contentType,
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    ...everyone,
  ])
  res.end(body)
}

function refuseTooLarge(res: ServerResponse, head: Buffer, parts: ListenerParts): void {
  const reply = parts.refuseTooLarge(head.toString('latin1', 0, 1024))
  res.once('finish', () => res.destroy())
  res.setHeader('Connection', 'close')
  if (reply === undefined) fail(res, 413, [])
  else send(res, reply)
}

function page(req: IncomingMessage, res: ServerResponse, text: string, secure: boolean): void {
  const warning = secure ? '' : '<p>This request did not come over an encrypted channel.</p>'
  const html = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>BOSH endpoint</title></head><body><h1>BOSH endpoint</h1><p>${escapeXml(text)}</p>${warning}</body></html>`
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
    ...everyone,
  ])
  res.end(req.method === 'HEAD' ? undefined : html)
}

function preflight(res: ServerResponse): void {
  res.writeHead(204, [
    ...everyone,
    'Access-Control-Allow-Methods',
    'GET, POST, OPTIONS',
    'Access-Control-Allow-Headers',
    'Content-Type',
    'Access-Control-Max-Age',
    '7200',
    'Cache-Control',
    'no-store',
  ])
  res.end()
}

function fail(res: ServerResponse, status: number, headers: readonly string[]): void {
  res.writeHead(status, ['Content-Length', '0', 'Cache-Control', 'no-store', ...everyone, ...headers])
  res.end()
}
