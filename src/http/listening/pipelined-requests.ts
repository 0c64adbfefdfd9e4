import type { ServerResponse } from 'node:http'
import { nextTick } from 'node:process'
import type { Duplex } from 'node:stream'

/**
 * How many requests of one connection may wait for the replies to earlier ones. Libraries send a few ahead, and proxies one. Each
 * waiting request takes the memory of its Node and Express objects.
 */
export const mostWaiting = 8
/** The same at an endpoint that holds requests until the next one comes. */
export const mostBehindHeld = 128
/** How many bytes of replies may wait on a connection that sends another request. */
const mostBytes = 2 ** 20

/** Replies that wait for earlier ones, by connection. Most connections have none. */
const waiting = new WeakMap<Duplex, Set<ServerResponse>>()

/**
 * Whether a new request may wait for its turn. If not, its connection must be closed. Clients may send requests without waiting
 * for replies (RFC 9112 §9.3.2). Node reads them all while no reply waits to be read. Requests that wait for something outside of
 * this process take far more memory than they cost to send.
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
  // Node has not finished the reply before.
  else reply.once('socket', () => nextTick(() => !reply.destroyed && act()))
}

/** How many bytes of replies wait on a connection, for its client to read or for earlier replies. */
export function bytesWaiting(socket: Duplex): number {
  let bytes = socket.writableLength
  for (const reply of waiting.get(socket) ?? []) bytes += reply.writableLength
  return bytes
}
