import type { IncomingMessage, ServerResponse } from 'node:http'

/** Calls `act` if the client leaves before the reply is written. The returned function ends the wait. */
export function whenClientGone(req: IncomingMessage, res: ServerResponse, act: () => void): () => void {
  // Before Node 24, a pipelined reply without a socket emits no `close` when the connection closes.
  const socket = res.socket === null ? req.socket : undefined
  const forget = () => {
    res.off('close', onClose)
    socket?.off('close', onClose)
  }
  const onClose = () => {
    forget()
    if (!res.writableFinished) act()
  }
  res.once('close', onClose)
  socket?.setMaxListeners(0).once('close', onClose)
  return forget
}
