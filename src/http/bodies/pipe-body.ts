import type { IncomingMessage, ServerResponse } from 'node:http'
import { whenClientGone } from '../../lib/caller-gone.js'
import { type BodySink, FastRequest } from '../fast/fast-request.js'

export function pipeBody(req: IncomingMessage, res: ServerResponse, sink: BodySink): void {
  if (req instanceof FastRequest && req.handTo(sink)) return
  req.on('data', (chunk: Buffer) => sink.onData(chunk))
  req.on('end', () => sink.onEnd())
  whenClientGone(req, res, () => sink.onGone())
}
