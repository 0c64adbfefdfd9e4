import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { paceEnds } from '../../lib/paced.js'
import { nothing } from '../net/connect-to-any.js'

export interface SocketEvents {
  onData(chunk: Buffer): void
  onLastByte(): void
  onBroken(reason: Error | boolean): void
  onTicket(): void
}

const listener = Symbol('listener')

interface LinkSocket extends Socket {
  [listener]?: SocketEvents
}

/** Adds shared listeners, because closures would take 170 bytes for each link. */
export function listenTo(socket: LinkSocket, events: SocketEvents): void {
  const isHeard = socket[listener] !== undefined
  socket[listener] = events
  if (isHeard) return
  paceEnds(socket)
  socket.on('data', onData)
  socket.on('end', onEnd)
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

/** Keeps a listener for `error`, because an unhandled error ends the process. */
export function ignore(socket: Socket): void {
  for (const event of heard) socket.removeAllListeners(event)
  socket.on('error', nothing)
}
