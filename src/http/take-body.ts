import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BodyTaker } from './body-taker.js'
import { inviteBody } from './expectation.js'
import { FastRequest } from './fast/fast-request.js'

/** Hands the body of a request to a taker as it comes, and asks a client for it that waits to be asked. */
export function takeBody(req: IncomingMessage, res: ServerResponse, taker: BodyTaker): void {
  inviteBody(res)
  if (req instanceof FastRequest && req.handTo(taker)) return
  req.on('data', (chunk: Buffer) => taker.onData(chunk))
  req.on('end', () => taker.onEnd())
  res.on('close', () => {
    if (!res.writableFinished) taker.onGone()
  })
  // The reply to a pipelined request has no socket until its turn comes, and is not told of the socket's end before.
  if (res.socket === null) followConnection(req, res, taker)
}

function followConnection({ socket }: IncomingMessage, res: ServerResponse, taker: BodyTaker): void {
  const leave = () => taker.onGone()
  // There may be as many listeners as the client has requests waiting.
  socket.setMaxListeners(0).once('close', leave)
  res.once('close', () => socket.off('close', leave))
}
