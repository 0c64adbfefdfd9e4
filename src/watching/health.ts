import type { RequestListener, ServerResponse } from 'node:http'

export function createHealthListeners(isReady: () => boolean): ReadonlyMap<string, RequestListener> {
  return new Map<string, RequestListener>([
    ['/healthz', (_req, res) => answer(res, true)],
    ['/readyz', (_req, res) => answer(res, isReady())],
  ])
}

function answer(res: ServerResponse, isWell: boolean): void {
  const { method } = res.req
  if (method === 'GET' || method === 'HEAD') sendText(res, isWell ? 200 : 503, isWell ? 'ok' : 'not ready')
  else sendText(res, 405, '', ['Allow', 'GET, HEAD'])
}

export function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: readonly string[] = ['Content-Type', 'text/plain; charset=utf-8'],
): void {
  const length = String(Buffer.byteLength(text))
  const usual = ['Content-Length', length, 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']
  res.writeHead(status, [...usual, ...headers])
  res.end(res.req.method === 'HEAD' ? undefined : text)
}
