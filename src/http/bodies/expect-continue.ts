// RFC 9110 §10.1.1.
import type { RequestListener, ServerResponse } from 'node:http'
import type { Server } from 'node:net'

const waiting = new WeakSet<ServerResponse>()

/** Node itself would send `100 Continue` even for a body that is refused. */
export function delayContinue(server: Server, listener: RequestListener, refuse: RequestListener): void {
  server.on('checkContinue', (req, res: ServerResponse) => {
    waiting.add(res)
    listener(req, res)
  })
  server.on('checkExpectation', refuse)
}

export function awaitsContinue(res: ServerResponse): boolean {
  return waiting.has(res)
}

export function sendContinue(res: ServerResponse): void {
  if (waiting.delete(res)) res.writeContinue()
}
