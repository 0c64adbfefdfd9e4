import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

export interface SocketEvents {
  onData(chunk: Buffer): void
  /** The server has sent the last of its bytes. */
  onLastByte(): void
  /** `reason` is an error or, once the connection is closed, whether there was one. */
  onBroken(reason: Error | boolean): void
  /** The server has sent a session ticket of TLS 1.3. */
  onTicket(): void
}

const listener = Symbol('listener')

interface LinkSocket extends Socket {
  [listener]?: SocketEvents
}

/** Listens to a socket. The functions are the same for all: closures would take 170 bytes for each link. */
export function listenTo(socket: Socket, events: SocketEvents): void {
  ;(socket as LinkSocket)[listener] = events
  socket.on('data', onData)
  socket.on('end', onEnd)
  // These come once; `once` would make an object and a function more for each link.
  socket.on('error', onBroken)
  socket.on('close', onBroken)
  if (socket instanceof TLSSocket && socket.getProtocol() === 'TLSv1.3') socket.on('session', onSession)
}

function onData(this: LinkSocket, chunk: Buffer): void {
  this[listener]!.onData(chunk)
}

function onEnd(this: LinkSocket): void {
  this[listener]!.onLastByte()
}

function onBroken(this: LinkSocket, reason: Error | boolean): void {
  this[listener]!.onBroken(reason)
}

function onSession(this: LinkSocket): void {
  this[listener]!.onTicket()
}

const heard = ['data', 'end', 'close', 'error', 'secureConnect', 'session', 'drain']
export const nothing = () => {}

/** Stops listening to a socket, its errors least of all: without a listener they would end the process. */
export function ignore(socket: Socket): void {
  for (const event of heard) socket.removeAllListeners(event)
  socket.on('error', nothing)
}
