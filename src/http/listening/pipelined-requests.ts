import type { ServerResponse } from 'node:http'
import { nextTick } from 'node:process'
import type { Duplex } from 'node:stream'

/** Low, because a waiting request keeps objects of Node and Express in memory. */
export const mostWaiting = 8
export const mostBehindHeld = 128
const mostBytes = 2 ** 20
/** Of a name or a value in V8, beside its characters. */
const stringBytes = 40

/** With the memory of their headers, in bytes. */
const waiting = new WeakMap<Duplex, Map<ServerResponse, number>>()

/** Node does not limit pipelined requests (RFC 9112 §9.3.2). If the result is false, close the connection. */
export function mayWait(reply: ServerResponse, most = mostWaiting): boolean {
  // This reply is next on its connection.
  if (reply.socket !== null) return true
  const { socket, rawHeaders } = reply.req
  const others = waiting.get(socket) ?? new Map<ServerResponse, number>()
  if (others.size >= most || bytesWaiting(socket) + bytesOfRequests(others) > mostBytes) return false
  const ofHeaders = rawHeaders.reduce((sum, { length }) => sum + length + stringBytes, 0)
  others.set(reply, ofHeaders)
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
  for (const reply of waiting.get(socket)?.keys() ?? []) bytes += reply.writableLength
  return bytes
}

function bytesOfRequests(others: ReadonlyMap<ServerResponse, number>): number {
  let bytes = 0
  for (const [{ req }, ofHeaders] of others) bytes += ofHeaders + req.readableLength
  return bytes
}
