import type { IncomingMessage, ServerResponse } from 'node:http'
import { escapeXml } from '../../xmpp/xml/escape.js'

/** For answers that contain foreign text. In lists of headers, names and values alternate. */
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

export function answerWithPage(
  req: IncomingMessage,
  res: ServerResponse,
  page: { readonly title: string; readonly text: string; readonly isSecure: boolean },
  headers: readonly string[] = [],
): void {
  const warning = page.isSecure ? '' : '<p>This request did not come over an encrypted channel.</p>'
  const html = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${page.title}</title></head><body><h1>${page.title}</h1><p>${escapeXml(page.text)}</p>${warning}</body></html>`
  res.writeHead(200, [
    ...['Content-Type', 'text/html; charset=utf-8', 'Content-Length', String(Buffer.byteLength(html))],
    ...inertHeaders,
    ...['X-Frame-Options', 'DENY', ...headers],
  ])
  res.end(req.method === 'HEAD' ? undefined : html)
}
