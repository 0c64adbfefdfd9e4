import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Entrance } from '../access/client-rules.js'

/** Headers for foreign text. Names and values alternate. */
export const inertHeaders: readonly string[] = [
  ...['Cache-Control', 'no-store'],
  ...['Content-Security-Policy', "default-src 'none'; sandbox; frame-ancestors 'none'"],
  ...['X-Content-Type-Options', 'nosniff'],
]

export function answerBare(res: ServerResponse, status: number, headers: readonly string[] = []): void {
  res.writeHead(status, ['Content-Length', '0', ...headers, ...inertHeaders]).end()
}

export function answerInText(
  res: ServerResponse,
  status: number,
  sentence: string,
  headers: readonly string[] = [],
): void {
  const text = `${sentence}\n`
  res.writeHead(status, [...headers, ...textHeaders(text), ...inertHeaders]).end(text)
}

export function textHeaders(text: string): readonly string[] {
  return ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(text.length)]
}

const pageHeaders: readonly string[] = [
  ...['Cache-Control', 'no-store'],
  ...[
    'Content-Security-Policy',
    "default-src 'none'; sandbox; frame-ancestors 'none'; style-src 'self'; img-src 'self'",
  ],
  ...['X-Content-Type-Options', 'nosniff', 'X-Frame-Options', 'DENY'],
]

export function answerWithPage(
  req: IncomingMessage,
  res: ServerResponse,
  { type, text }: ReturnType<Entrance['page']>,
  headers: readonly string[] = [],
): void {
  const length = String(Buffer.byteLength(text))
  res.writeHead(200, ['Content-Type', type, 'Content-Length', length, ...pageHeaders, ...headers])
  res.end(req.method === 'HEAD' ? undefined : text)
}
