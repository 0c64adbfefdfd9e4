import type { Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'
import { paceEnds } from '../../lib/paced.js'
import { nothing } from '../net/connect-to-any.js'

export interface SocketEvents {
  onData(chunk: Buffer): void
  onLastByte(): void
  onBroken(reason: Error | boolean): void
}

/** After as many bytes, a socket waits for its turn: servers that send without end leave time to others. */
const bytesAtOnce = 65_536
/** One reads on in each turn of the event loop. */
const waiting: LinkSocket[] = []

const listener = Symbol('listener')
const isPaused = Symbol('isPaused')
const isWaiting = Symbol('isWaiting')
const bytes = Symbol('bytes')

interface LinkSocket extends Socket {
  [listener]?: SocketEvents
  [isPaused]?: boolean
  [isWaiting]?: boolean
  /** Since the last pause. */
  [bytes]?: number
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
}

function onData(this: LinkSocket, chunk: Buffer): void {
  this[listener]!.onData(chunk)
  this[bytes] = (this[bytes] ?? 0) + chunk.length
  if (this[bytes] < bytesAtOnce) return
  this[bytes] = 0
  this[isWaiting] = true
  this.pause()
  if (waiting.push(this) === 1) setImmediate(readOn)
}

function readOn(): void {
  const socket = waiting.shift()!
  if (waiting.length > 0) setImmediate(readOn)
  socket[isWaiting] = false
  if (socket[isPaused] !== true) socket.resume()
}

export function pauseReading(socket: LinkSocket): void {
  socket[isPaused] = true
  socket.pause()
}

export function resumeReading(socket: LinkSocket): void {
  socket[isPaused] = false
  if (socket[isWaiting] !== true) socket.resume()
}

function onEnd(this: LinkSocket): void {
  this[listener]!.onLastByte()
}

function onBroken(this: LinkSocket, reason: Error | boolean): void {
  this[listener]!.onBroken(reason)
}

/**
 * Calls `act` after tickets of TLS 1.3: white space that is sent then acknowledges them. A late TCP acknowledgement would
 * delay the server by 40 ms.
 */
export function onTickets(socket: Socket, clock: Clock, act: () => void): void {
  let isDue = false
  socket.on('session', () => {
    if (isDue) return
    isDue = true
    // Node still processes the ticket, and would delay a write at once.
    clock.after(0, () => {
      isDue = false
      act()
    })
  })
}

const heard = ['data', 'end', 'close', 'error', 'secureConnect', 'session', 'drain']

/** Keeps a listener for `error`, because an unhandled error ends the process. */
export function ignore(socket: Socket): void {
  for (const event of heard) socket.removeAllListeners(event)
  socket.on('error', nothing)
}
