import type { Server, Socket } from 'node:net'
import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import type { Access } from '../access/client-rules.js'

/** Reserved for addresses that may call the warm API. */
export const shareOfCallers = 1 / 10

/** For all listeners together. */
export class ConnectionLimits {
  readonly #config: Pick<Config, 'listen' | 'trustedProxies'>
  readonly #refused: OnRefused
  readonly #descriptorsAreLeft: (mayCall: boolean) => boolean
  readonly #mayCall: Access
  readonly #ofClient = new KeyCounts()
  readonly #admitted = new Set<Socket>()

  /** Without descriptors, connections would wait unseen in the kernel's backlog. */
  constructor(
    config: Pick<Config, 'listen' | 'trustedProxies'>,
    refused: OnRefused,
    descriptorsAreLeft: (mayCall: boolean) => boolean,
    mayCall: Access,
  ) {
    this.#config = config
    this.#refused = refused
    this.#descriptorsAreLeft = descriptorsAreLeft
    this.#mayCall = mayCall
  }

  get open(): number {
    return this.#admitted.size
  }

  /** For TLS, the sockets below: they have no replies of their own. */
  get connections(): Iterable<Socket> {
    return this.#admitted
  }

  /**
   * Node's `maxConnections` ignores addresses. A further listener could not keep the server from setting up a
   * closed connection.
   */
  guard(server: Server): void {
    const listeners = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      // A connection comes back after a refused upgrade.
      if (!this.#admitted.has(socket) && !this.#admits(socket)) socket.destroy()
      else for (const listener of listeners) listener.call(server, socket)
    })
  }

  #admits(socket: Socket): boolean {
    const { maxConnections, maxConnectionsPerAddress } = this.#config.listen
    const address = socket.remoteAddress
    // Closed already.
    if (address === undefined) return false
    const mayCall = this.#mayCall(address)
    const most = mayCall ? maxConnections : Math.ceil(maxConnections * (1 - shareOfCallers))
    if (maxConnections > 0 && this.open >= most) {
      this.#refused('connections')
      return false
    }
    const client = clientOf(address)
    const isTooMany = maxConnectionsPerAddress > 0 && this.#ofClient.of(client) >= maxConnectionsPerAddress
    if (isTooMany && !this.#config.trustedProxies.contains(address)) {
      this.#refused('connections-address', { address: client })
      return false
    }
    if (!this.#descriptorsAreLeft(mayCall)) {
      this.#refused('descriptors')
      return false
    }
    this.#admitted.add(socket)
    this.#ofClient.add(client, 1)
    socket.once('close', () => {
      this.#admitted.delete(socket)
      this.#ofClient.add(client, -1)
    })
    return true
  }
}
