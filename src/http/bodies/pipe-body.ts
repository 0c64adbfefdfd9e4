import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BodySink, FastRequest } from '../fast/fast-request.js'
import { whenClientGone } from './client-gone.js'
import { sendContinue } from './expect-continue.js'

export function pipeBody(req: IncomingMessage, res: ServerResponse, sink: BodySink): void {
  sendContinue(res)
  if (req instanceof FastRequest && req.handTo(sink)) return
  req.on('data', (chunk: Buffer) => sink.onData(chunk))
  req.on('end', () => sink.onEnd())
  whenClientGone(req, res, () => sink.onGone())
}
