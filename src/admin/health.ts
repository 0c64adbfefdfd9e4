import type { RequestListener, ServerResponse } from 'node:http'

/**
 * Tells anybody, and nothing but this, whether the process is alive (`/healthz`) and whether it takes new sessions
 * (`/readyz`); hands all other requests on.
 */
export function answerHealth(isReady: () => boolean, otherwise: RequestListener): RequestListener {
  return (req, res) => {
    // Every request of a browser comes by here: no more is asked than whether it is one of these.
    switch (req.url) {
      case '/healthz':
        answer(res, true)
        break
      case '/readyz':
        answer(res, isReady())
        break
      default:
        otherwise(req, res)
    }
  }
}

function answer(res: ServerResponse, isWell: boolean): void {
  const { method } = res.req
  if (method === 'GET' || method === 'HEAD') sendText(res, isWell ? 200 : 503, isWell ? 'ok' : 'not ready')
  else sendText(res, 405, '', ['Allow', 'GET, HEAD'])
}

/** Sends a text that is of now and of no other moment. */
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
