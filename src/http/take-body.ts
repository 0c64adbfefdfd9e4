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
  let isOver = false
  const leave = () => {
    if (!isOver && !res.writableFinished) taker.onGone()
    isOver = true
  }
  res.once('close', leave)
  // The reply to a pipelined request has no socket until its turn comes. Before version 24 Node does not close it with it.
  if (res.socket === null) {
    const { socket } = req
    // There may be as many listeners as the client has requests waiting.
    socket.setMaxListeners(0).once('close', leave)
    res.once('close', () => socket.off('close', leave))
  }
}
