import type { Socket } from 'node:net'
import { connectProblem } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure } from '../link.js'
import type { Addresses } from '../net/names.js'

/** Time between the beginnings of two attempts, in milliseconds (RFC 8305 §5). */
const stagger = 250

export interface RaceParts {
  readonly clock: Clock
  readonly connect: (address: string, port: number) => Socket
  /** Longest time for one address, in seconds. */
  readonly addressSeconds: number
  /** Until when an attempt may last, by the clock. */
  readonly until: number
}

/**
 * Connects to one of a host's addresses: each has a short start before the next, the first to answer wins and the
 * others are given up (Happy Eyeballs, RFC 8305 §5). Returns what gives up every attempt; `onEnd` is called no more then.
 */
export function race(
  addresses: Addresses,
  port: number,
  { clock, connect, addressSeconds, until }: RaceParts,
  onEnd: (end: Socket | Failure) => void,
): () => void {
  /** The attempts that have not ended, each with its time limit. */
  const attempts = new Map<Socket, Timer>()
  let begun = 0
  let next: Timer | undefined

  function cancel(): void {
    next?.cancel()
    for (const socket of attempts.keys()) giveUp(socket)
  }

  function giveUp(socket: Socket): void {
    attempts.get(socket)?.cancel()
    attempts.delete(socket)
    socket.destroy()
  }

  function lose(socket: Socket, failure: Failure): void {
    giveUp(socket)
    if (begun < addresses.length) {
      next?.cancel()
      attempt()
    } else if (attempts.size === 0) onEnd(failure)
  }

  function attempt(): void {
    const socket = connect(addresses[begun++]!, port)
    const ms = Math.max(0, Math.min(addressSeconds * 1000, until - clock.now()))
    const limit = clock.after(ms, () => lose(socket, { step: 'connect', code: 'timeout' }))
    attempts.set(socket, limit)
    const onError = (cause: Error) => lose(socket, { step: 'connect', code: connectProblem(cause), cause })
    const onConnect = () => {
      socket.off('error', onError)
      socket.off('connect', onConnect)
      limit.cancel()
      attempts.delete(socket)
      cancel()
      onEnd(socket)
    }
    socket.on('error', onError)
    socket.on('connect', onConnect)
    if (begun < addresses.length) next = clock.after(stagger, attempt)
  }

  attempt()
  return cancel
}
