import type { Socket } from 'node:net'
import type { Clock, Timer } from '../clock.js'
import { connectProblem } from '../errors.js'
import type { Failure } from '../exchange.js'
import type { Addresses } from './names.js'

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

/** Hears how a race ended; one of the two is called, once, and not before the race's constructor is through. */
export interface RaceEvents {
  onWon(socket: Socket): void
  onLost(failure: Failure): void
}

/**
 * Connects to one of a host's addresses: each has a short start before the next, the first to answer wins and the
 * others are given up (Happy Eyeballs, RFC 8305 §5).
 */
export class Race {
  readonly #addresses: Addresses
  readonly #port: number
  readonly #parts: RaceParts
  readonly #events: RaceEvents
  /** The attempts under way, each with its limit. */
  readonly #attempts = new Map<Socket, Timer>()
  #begun = 0
  #next: Timer | undefined

  constructor(addresses: Addresses, port: number, parts: RaceParts, events: RaceEvents) {
    this.#addresses = addresses
    this.#port = port
    this.#parts = parts
    this.#events = events
    this.#attempt()
  }

  /** Gives up every attempt; nothing is told any more. */
  cancel(): void {
    this.#next?.cancel()
    for (const [socket, limit] of this.#attempts) {
      limit.cancel()
      socket.destroy()
    }
    this.#attempts.clear()
  }

  #attempt(): void {
    const { clock, connect, addressSeconds, until } = this.#parts
    const socket = connect(this.#addresses[this.#begun++]!, this.#port)
    const limit = clock.after(Math.max(0, Math.min(addressSeconds * 1000, until - clock.now())), () =>
      this.#lose(socket, { step: 'connect', code: 'timeout' }),
    )
    this.#attempts.set(socket, limit)
    const onError = (cause: Error) =>
      this.#lose(socket, { step: 'connect', code: connectProblem(cause), cause })
    socket.once('error', onError)
    socket.once('connect', () => {
      socket.off('error', onError)
      this.#win(socket)
    })
    if (this.#begun < this.#addresses.length) this.#next = clock.after(stagger, () => this.#attempt())
  }

  #win(socket: Socket): void {
    this.#attempts.get(socket)?.cancel()
    this.#attempts.delete(socket)
    this.cancel()
    this.#events.onWon(socket)
  }

  #lose(socket: Socket, failure: Failure): void {
    this.#attempts.get(socket)?.cancel()
    this.#attempts.delete(socket)
    socket.destroy()
    if (this.#begun < this.#addresses.length) {
      this.#next?.cancel()
      this.#attempt()
    } else if (this.#attempts.size === 0) this.#events.onLost(failure)
  }
}
