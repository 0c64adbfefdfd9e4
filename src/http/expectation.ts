import type { RequestListener, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { inertHeaders } from './page-policy.js'

/** Responses to clients that have not been told yet whether to send their bodies. */
const awaited = new WeakSet<ServerResponse>()

/**
 * Leaves it to a listener whether a client that asks first is to send its body (RFC 9110 §10.1.1); Node would say so
 * before we have looked at the request.
 */
export function leaveContinue(server: Server, listener: RequestListener): void {
  server.on('checkContinue', (req, res: ServerResponse) => {
    awaited.add(res)
    listener(req, res)
  })
  server.on('checkExpectation', (_req, res: ServerResponse) => {
    // The body may follow all the same, and could be taken for the next request.
    res.writeHead(417, ['Content-Length', '0', 'Connection', 'close', ...inertHeaders]).end()
  })
}

/** Whether the client sends the body only once it is told to. */
export function isAwaited(res: ServerResponse): boolean {
  return awaited.has(res)
}

/** Tells a client that waits for it to send the body, which is going to be read. */
export function inviteBody(res: ServerResponse): void {
  if (awaited.delete(res)) res.writeContinue()
}
