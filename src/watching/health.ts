import type { RequestListener, ServerResponse } from 'node:http'

/** `fault` returns why the process accepts no sessions. */
export function createHealthListeners(fault: () => string | undefined): ReadonlyMap<string, RequestListener> {
  return new Map<string, RequestListener>([
    ['/healthz', (_req, res) => answer(res, undefined)],
    ['/readyz', (_req, res) => answer(res, fault())],
  ])
}

function answer(res: ServerResponse, fault: string | undefined): void {
  const { method } = res.req
  if (method === 'GET' || method === 'HEAD') sendText(res, fault ? 503 : 200, fault ? `not ready: ${fault}` : 'ok')
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
