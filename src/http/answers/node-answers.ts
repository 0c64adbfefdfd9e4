import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { countsAsEncrypted, type PublicEndpoint } from '../access/client-rules.js'

/** How long browsers remember what CORS allows. */
export const preflightSeconds = 7200

const withPolicy = (policy: string): readonly string[] => [
  ...['Cache-Control', 'no-store', 'Content-Security-Policy', policy, 'X-Content-Type-Options', 'nosniff'],
]

/** Keeps browsers from running the text of an answer. Names and values alternate. */
export const inertHeaders = withPolicy("default-src 'none'; sandbox; frame-ancestors 'none'")

export function answerInText(res: ServerResponse, status: number, sentence: string, headers?: readonly string[]): void {
  sendText(res, status, `${sentence}\n`, headers)
}

export function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: readonly string[] = [],
  type?: string,
): void {
  res.writeHead(status, [...headers, ...textHeaders(text, type), ...inertHeaders]).end(text)
}

function textHeaders(text: string, type = 'text/plain; charset=utf-8'): readonly string[] {
  return ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(text))]
}

/** The last answer on a connection without a `ServerResponse`. `sentence` is ASCII. In `headers`, names and values alternate. */
export function answerText(status: number, sentence: string, headers: readonly string[] = []): string {
  const text = `${sentence}\n`
  const all = [...headers, ...textHeaders(text), ...inertHeaders]
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n`
  for (let at = 0; at < all.length; at += 2) head += `${all[at]}: ${all[at + 1]}\r\n`
  return `${head}\r\n${text}`
}

const pageHeaders: readonly string[] = [
  ...withPolicy("default-src 'none'; sandbox; frame-ancestors 'none'; style-src 'self'; img-src 'self'"),
  ...['X-Frame-Options', 'DENY'],
]

export function answerPage(
  req: IncomingMessage,
  res: ServerResponse,
  { clients, redirectUrl, page }: Pick<PublicEndpoint, 'clients' | 'redirectUrl' | 'page'>,
  headers: readonly string[] = [],
): void {
  const isSecure = countsAsEncrypted(req, clients)
  const elsewhere = isSecure ? undefined : redirectUrl(req)
  if (elsewhere !== undefined)
    return void res.writeHead(308, ['Content-Length', '0', ...headers, 'Location', elsewhere, ...inertHeaders]).end()
  const { type, text } = page(req, isSecure)
  const length = String(Buffer.byteLength(text))
  res.writeHead(200, ['Content-Type', type, 'Content-Length', length, ...pageHeaders, ...headers]).end(text)
}
