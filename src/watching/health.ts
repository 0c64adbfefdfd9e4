import type { RequestListener, ServerResponse } from 'node:http'
import type { NoteRequest } from '../http/access/refused-requests.js'

/** `fault` returns why the process accepts no sessions, `notice` what is amiss with a process that accepts them. */
export function createHealthListeners(
  fault: () => string | undefined,
  notice: () => string | undefined,
  note: NoteRequest,
): ReadonlyMap<string, RequestListener> {
  return new Map<string, RequestListener>([
    ['/healthz', (_req, res) => answer(res, undefined, undefined, note)],
    ['/readyz', (_req, res) => answer(res, fault(), notice(), note)],
  ])
}

function answer(res: ServerResponse, fault: string | undefined, notice: string | undefined, note: NoteRequest): void {
  const { method } = res.req
  const ready = notice === undefined ? 'ok' : `ok, but ${notice}`
  if (method === 'GET' || method === 'HEAD') sendText(res, fault ? 503 : 200, fault ? `not ready: ${fault}` : ready)
  else refuseMethod(res, note)
}

export function refuseMethod(res: ServerResponse, note: NoteRequest): void {
  note(res.req, 'method')
  sendText(res, 405, 'Allowed: GET, HEAD.\n', [...textType, 'Allow', 'GET, HEAD'])
}

const textType = ['Content-Type', 'text/plain; charset=utf-8'] as const

export function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: readonly string[] = textType,
): void {
  const length = String(Buffer.byteLength(text))
  const usual = ['Content-Length', length, 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']
  res.writeHead(status, [...usual, ...headers])
  res.end(res.req.method === 'HEAD' ? undefined : text)
}
