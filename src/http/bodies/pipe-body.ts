import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BodySink, FastRequest } from '../fast/fast-request.js'
import { sendContinue } from './expect-continue.js'

export function pipeBody(req: IncomingMessage, res: ServerResponse, sink: BodySink): void {
  sendContinue(res)
  if (req instanceof FastRequest && req.handTo(sink)) return
  req.on('data', (chunk: Buffer) => sink.onData(chunk))
  req.on('end', () => sink.onEnd())
  let isOver = false
  const leave = () => {
    if (!isOver && !res.writableFinished) sink.onGone()
    isOver = true
  }
  res.once('close', leave)
  // Before Node 24, a pipelined reply without a socket emits no `close` when the connection closes.
  if (res.socket === null) {
    const { socket } = req
    socket.setMaxListeners(0).once('close', leave)
    res.once('close', () => socket.off('close', leave))
  }
}
