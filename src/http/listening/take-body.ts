import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Clock } from '../../lib/clock.js'
import { answerBare } from '../answers/bare-answer.js'
import { type BodyTaker, FastRequest } from '../fast/fast-request.js'

/** Responses to clients that have not been told yet whether to send their bodies. */
const awaited = new WeakSet<ServerResponse>()

/**
 * Lets a listener decide whether a client that asks may send its body (RFC 9110 §10.1.1). By default Node always agrees. `refuse`
 * takes requests with other expectations.
 */
export function leaveContinue(
  server: Server,
  listener: RequestListener,
  refuse: RequestListener = refuseExpectation,
): void {
  server.on('checkContinue', (req, res: ServerResponse) => {
    awaited.add(res)
    listener(req, res)
  })
  server.on('checkExpectation', refuse)
}

/** Answers that an expectation cannot be met. */
export const refuseExpectation: RequestListener = (_req, res) =>
  // The body may follow all the same, and could be read as the next request.
  answerBare(res, 417, ['Connection', 'close'])

/** Whether the client sends the body only once it is told to. */
export function isAwaited(res: ServerResponse): boolean {
  return awaited.has(res)
}

/** Tells a client that waits for it to send the body, which is going to be read. */
export function inviteBody(res: ServerResponse): void {
  if (awaited.delete(res)) res.writeContinue()
}

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

/** How long, in milliseconds, and how much, in bytes, is read on and thrown away of what is not wanted. */
const longest = 5_000
const most = 8_000_000

const closing = new WeakSet<object>()

/** Whether a request came behind the last one that is answered on its connection, and is to be ignored (RFC 9112 §9.6). */
export function isTooLate({ socket }: IncomingMessage): boolean {
  return closing.has(socket)
}

/**
 * Closes a connection with its next reply, which is not written yet, while the client may still be sending: in our
 * direction only, and what comes is thrown away for a while, since a reset would take the reply with it (RFC 9112
 * §9.6). The function given back is told how many bytes more have come; too many close the connection at once.
 */
export function closeLingering(res: ServerResponse, clock: Clock): (bytes: number) => void {
  res.shouldKeepAlive = false
  const { socket } = res.req
  closing.add(socket)
  // Node's HTTP server calls this once the last reply has been written.
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
