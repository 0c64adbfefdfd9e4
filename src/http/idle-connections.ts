import type { RequestListener } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Clock } from '../lib/clock.js'

/** How often connections are looked at, in milliseconds. */
const sweepInterval = 5_000

/** What Node's server says of its connections, and its types do not tell. */
interface Carrier extends Socket {
  /** The response that is not over yet. */
  readonly _httpMessage?: object | null
}

/** What Node's header `Keep-Alive` goes by. */
interface Announcing {
  _keepAliveTimeout: number
}

/** A connection on which nothing happens. */
interface Idle {
  /** When it was first seen so, in milliseconds of the clock. */
  readonly since: number
  readonly bytesRead: number
}

/**
 * Closes the connections whose clients have their replies and ask nothing more. Node's own way is a timer that is set for
 * each reply and taken back for each request, which are a fiftieth of what a round trip costs: its `keepAliveTimeout` is 0
 * in the servers that are watched here.
 */
export class IdleConnections {
  readonly #clock: Clock
  readonly #milliseconds: number
  readonly #open = new Set<Carrier>()
  readonly #idle = new Map<Carrier, Idle>()
  readonly #forget: (this: Carrier) => void
  #isSweeping = false

  /** They are closed once they have been idle for this many seconds, or up to ten more. */
  constructor(clock: Clock, seconds: number) {
    this.#clock = clock
    this.#milliseconds = seconds * 1000
    const [open, idle] = [this.#open, this.#idle]
    // One for all connections: there may be many.
    this.#forget = function () {
      open.delete(this)
      idle.delete(this)
    }
  }

  watch(server: Server): void {
    const event = 'setSecureContext' in server ? 'secureConnection' : 'connection'
    server.on(event, (socket: Socket) => {
      if (socket.destroyed) return
      this.#open.add(socket)
      socket.on('close', this.#forget)
      if (!this.#isSweeping) this.#scheduleSweep()
    })
  }

  /** Says in the replies of a listener, where Node writes them, how long connections are kept. */
  announce(listener: RequestListener): RequestListener {
    const milliseconds = this.#milliseconds
    return (req, res) => {
      const announcing = res as object as Announcing
      announcing._keepAliveTimeout = milliseconds
      listener(req, res)
    }
  }

  #scheduleSweep(): void {
    this.#isSweeping = true
    this.#clock.after(sweepInterval, () => {
      this.#isSweeping = false
      const now = this.#clock.now()
      for (const socket of this.#open) this.#look(socket, now)
      if (this.#open.size > 0) this.#scheduleSweep()
    })
  }

  #look(socket: Carrier, now: number): void {
    const before = this.#idle.get(socket)
    const { bytesRead } = socket
    // For its first request a client has as long as its head may take; a reply may be long in coming.
    if (socket.bytesWritten === 0 || socket._httpMessage != null) this.#idle.delete(socket)
    else if (before === undefined || before.bytesRead !== bytesRead)
      this.#idle.set(socket, { since: now, bytesRead })
    else if (now - before.since >= this.#milliseconds) socket.destroy()
  }
}
