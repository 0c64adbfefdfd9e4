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

/** A connection that is being made, with its time limit. */
interface Attempt {
  readonly socket: Socket
  readonly limit: Timer
}

/** Hears how a race ended: one of the two is called, once, after the constructor has returned. */
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
  /** The attempts that have not ended. */
  #attempts: Attempt[] = []
  #begun = 0
  #next: Timer | undefined

  constructor(addresses: Addresses, port: number, parts: RaceParts, events: RaceEvents) {
    this.#addresses = addresses
    this.#port = port
    this.#parts = parts
    this.#events = events
    this.#attempt()
  }

  /** Gives up every attempt; no event is called any more. */
  cancel(): void {
    this.#next?.cancel()
    for (const { socket, limit } of this.#attempts) {
      limit.cancel()
      socket.destroy()
    }
    this.#attempts = []
  }

  #attempt(): void {
    const { clock, connect, addressSeconds, until } = this.#parts
    const socket = connect(this.#addresses[this.#begun++]!, this.#port)
    const limit = clock.after(Math.max(0, Math.min(addressSeconds * 1000, until - clock.now())), () =>
      this.#lose(attempt, { step: 'connect', code: 'timeout' }),
    )
    const attempt: Attempt = { socket, limit }
    this.#attempts.push(attempt)
    const onError = (cause: Error) =>
      this.#lose(attempt, { step: 'connect', code: connectProblem(cause), cause })
    const onConnect = () => {
      socket.off('error', onError)
      socket.off('connect', onConnect)
      this.#win(attempt)
    }
    socket.on('error', onError)
    socket.on('connect', onConnect)
    if (this.#begun < this.#addresses.length) this.#next = clock.after(stagger, () => this.#attempt())
  }

  #win(attempt: Attempt): void {
    this.#remove(attempt)
    this.cancel()
    this.#events.onWon(attempt.socket)
  }

  #lose(attempt: Attempt, failure: Failure): void {
    this.#remove(attempt)
    attempt.socket.destroy()
    if (this.#begun < this.#addresses.length) {
      this.#next?.cancel()
      this.#attempt()
    } else if (this.#attempts.length === 0) this.#events.onLost(failure)
  }

  #remove(attempt: Attempt): void {
    attempt.limit.cancel()
    this.#attempts = this.#attempts.filter(other => other !== attempt)
  }
}
