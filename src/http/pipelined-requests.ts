import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** So many requests of one connection may wait for the replies to those before them; no library sends more than a few. */
const mostWaiting = 128

/** How many wait, by connection; of most none ever does. */
const waiting = new WeakMap<Duplex, number>()

/**
 * Whether a request that has just come may wait for its turn; the connection is closed where there are too many. Requests may be
 * sent without waiting for replies (RFC 9112 §9.3.2), and Node reads them all, as long as nothing of the replies waits to be
 * read: those that wait for something else than this process take far more memory than they cost to send.
 */
export function mayWait(reply: ServerResponse): boolean {
  // A reply has no socket as long as others come before it.
  if (reply.socket !== null) return true
  const { socket } = reply.req
  // What came with the one request too many is still handed on.
  if (socket.destroyed) return false
  const count = (waiting.get(socket) ?? 0) + 1
  if (count > mostWaiting) {
    socket.destroy()
    return false
  }
  waiting.set(socket, count)
  reply.once('close', () => void waiting.set(socket, waiting.get(socket)! - 1))
  return true
}
