import type { ServerResponse } from 'node:http'
import { nextTick } from 'node:process'
import type { Duplex } from 'node:stream'

/**
 * So many requests of one connection may wait for the replies to those before them. No library sends more than a few ahead, and
 * no proxy more than one; those that wait are held with all that Node and Express know of them.
 */
export const mostWaiting = 8
/** The same at an endpoint whose requests are held until the next one has come. */
export const mostBehindHeld = 128
/** How many bytes of replies may wait on a connection before no further request may. */
const mostBytes = 2 ** 20

/** Replies that others come before, by connection; of most there never are any. */
const waiting = new WeakMap<Duplex, Set<ServerResponse>>()

/**
 * Whether a request that has just come may wait for its turn; its connection is to be closed if not. Requests may be sent
 * without waiting for replies (RFC 9112 §9.3.2), and Node reads them all, as long as nothing of the replies waits to be
 * read: those that wait for something else than this process take far more memory than they cost to send.
 */
export function mayWait(reply: ServerResponse, most = mostWaiting): boolean {
  // A reply has no socket as long as others come before it.
  if (reply.socket !== null) return true
  const { socket } = reply.req
  const others = waiting.get(socket) ?? new Set()
  if (others.size >= most || bytesWaiting(socket) > mostBytes) return false
  others.add(reply)
  waiting.set(socket, others)
  const leave = () => void others.delete(reply)
  reply.once('socket', leave).once('close', leave)
  return true
}

/** Calls back once the replies before this one have left; never if the connection is closed before. */
export function inTurn(reply: ServerResponse, act: () => void): void {
  if (reply.socket !== null) act()
  // Node is not done with the reply before.
  else reply.once('socket', () => nextTick(() => !reply.destroyed && act()))
}

/** How many bytes of replies wait on a connection until its client reads, or those before them are there. */
export function bytesWaiting(socket: Duplex): number {
  let bytes = socket.writableLength
  for (const reply of waiting.get(socket) ?? []) bytes += reply.writableLength
  return bytes
}
