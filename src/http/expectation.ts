import type { RequestListener, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { inertHeaders } from './page-policy.js'

/** What Node's server notes of a response, and its types do not tell. */
interface Expecting {
  readonly _expect_continue?: boolean
  readonly _sent100?: boolean
}

/**
 * Leaves it to a listener whether a client that asks first is to send its body (RFC 9110 §10.1.1); Node would say so
 * before we have looked at the request.
 */
export function leaveContinue(server: Server, listener: RequestListener): void {
  server.on('checkContinue', listener)
  server.on('checkExpectation', (_req, res: ServerResponse) => {
    // Nobody can tell whether the body follows all the same.
    res.writeHead(417, ['Content-Length', '0', 'Connection', 'close', ...inertHeaders]).end()
  })
}

/** Whether the client sends the body only if it is told that it is wanted. */
export function isAwaited(res: ServerResponse): boolean {
  const { _expect_continue, _sent100 } = res as Expecting
  return _expect_continue === true && _sent100 !== true
}

/** Has the client send the body, which is going to be read. */
export function inviteBody(res: ServerResponse): void {
  if (isAwaited(res)) res.writeContinue()
}
