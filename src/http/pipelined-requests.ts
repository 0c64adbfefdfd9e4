import type { ServerResponse } from 'node:http'
import { nextTick } from 'node:process'
import type { Duplex } from 'node:stream'

/** So many requests of one connection may wait for the replies to those before them before no more are read. */
const mostWaiting = 16

/** How many wait, by connection; of most none ever does. */
const waiting = new WeakMap<Duplex, number>()

/**
 * Takes note of a request that has just come. Requests may be sent without waiting for replies (RFC 9112 §9.3.2), and Node
 * reads them all: those that wait for something else than this process take memory meanwhile, far more than they cost to send.
 */
export function notePipelined(reply: ServerResponse): void {
  // A reply has no socket as long as others come before it.
  if (reply.socket !== null) return
  const { socket } = reply.req
  const count = (waiting.get(socket) ?? 0) + 1
  waiting.set(socket, count)
  // Behind what Node does with the requests of the same read, which sets the connection reading again.
  if (count === mostWaiting) nextTick(queueMicrotask, () => pauseIfFull(socket))
  reply.once('close', () => {
    const left = waiting.get(socket)! - 1
    waiting.set(socket, left)
    if (left === mostWaiting - 1) socket.resume()
  })
}

function pauseIfFull(socket: Duplex): void {
  if (waiting.get(socket)! >= mostWaiting) socket.pause()
}
