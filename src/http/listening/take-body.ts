import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Clock } from '../../lib/clock.js'
import { answerBare } from '../answers/node-answers.js'
import { type BodyTaker, FastRequest } from '../fast/fast-request.js'

const awaited = new WeakSet<ServerResponse>()

/** Node would always send `100 Continue` (RFC 9110 §10.1.1). */
export function leaveContinue(server: Server, listener: RequestListener, refuse: RequestListener): void {
  server.on('checkContinue', (req, res: ServerResponse) => {
    awaited.add(res)
    listener(req, res)
  })
  server.on('checkExpectation', refuse)
}

export const refuseExpectation: RequestListener = (_req, res) =>
  // A body may follow, and must not be read as the next request.
  answerBare(res, 417, ['Connection', 'close'])

export function isAwaited(res: ServerResponse): boolean {
  return awaited.has(res)
}

export function inviteBody(res: ServerResponse): void {
  if (awaited.delete(res)) res.writeContinue()
}

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
  // A pipelined reply has no socket. Before version 24, Node does not close the reply with its connection.
  if (res.socket === null) {
    const { socket } = req
    socket.setMaxListeners(0).once('close', leave)
    res.once('close', () => socket.off('close', leave))
  }
}

/** Limits for discarded input, in milliseconds and bytes. */
const longest = 5_000
const most = 8_000_000

const closing = new WeakSet<object>()

/** RFC 9112 §9.6: requests after the last reply are ignored. */
export function isTooLate({ socket }: IncomingMessage): boolean {
  return closing.has(socket)
}

/** A reset would lose the reply (RFC 9112 §9.6). Call the returned function with the length of further input. */
export function closeLingering(res: ServerResponse, clock: Clock): (bytes: number) => void {
  res.shouldKeepAlive = false
  const { socket } = res.req
  closing.add(socket)
  // Node calls this after the last reply.
  socket.destroySoon = () => {
    socket.end()
    const timer = clock.after(longest, () => socket.destroy())
    socket.once('close', () => timer.cancel())
  }
  let discarded = 0
  return bytes => {
    discarded += bytes
    if (discarded > most) socket.destroy()
  }
}
