import type { ServerResponse } from 'node:http'
import { nextTick } from 'node:process'
import type { Duplex } from 'node:stream'

/** Low, because a waiting request keeps objects of Node and Express in memory. */
export const mostWaiting = 8
export const mostBehindHeld = 128
const mostBytes = 2 ** 20

const waiting = new WeakMap<Duplex, Set<ServerResponse>>()

/** Node does not limit pipelined requests (RFC 9112 §9.3.2). If the result is false, close the connection. */
export function mayWait(reply: ServerResponse, most = mostWaiting): boolean {
  // This reply is next on its connection.
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

export function inTurn(reply: ServerResponse, act: () => void): void {
  if (reply.socket !== null) act()
  else reply.once('socket', () => nextTick(() => !reply.destroyed && act()))
}

export function bytesWaiting(socket: Duplex): number {
  let bytes = socket.writableLength
  for (const reply of waiting.get(socket) ?? []) bytes += reply.writableLength
  return bytes
}
