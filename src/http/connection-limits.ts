import { isIPv6, type Server, type Socket } from 'node:net'
import type { Config } from '../config/config.js'
import { withoutMapping } from './client.js'

/** Counts the connections of all listeners together, and has those closed at once that are too many. */
export class ConnectionLimits {
  readonly #config: Pick<Config, 'listen' | 'trustedProxies'>
  #open = 0
  /** By client; those of whom there are none are not in it. */
  readonly #ofClient = new Map<string, number>()

  constructor(config: Pick<Config, 'listen' | 'trustedProxies'>) {
    this.#config = config
  }

  /** How many there are. */
  get open(): number {
    return this.#open
  }

  /**
   * Puts the limits before a server. `maxConnections` of Node knows of one server only and of no addresses; and a
   * connection that is closed in a listener beside the server's own would be set up by that all the same.
   */
  guard(server: Server): void {
    const listeners = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (!this.#admits(socket)) socket.destroy()
      else for (const listener of listeners) listener.call(server, socket)
    })
  }

  #admits(socket: Socket): boolean {
    const { maxConnections, maxConnectionsPerAddress } = this.#config.listen
    const address = socket.remoteAddress
    // Whoever has gone already takes no room.
    if (address === undefined) return false
    if (maxConnections > 0 && this.#open >= maxConnections) return false
    const client = clientOf(address)
    const ofClient = this.#ofClient.get(client) ?? 0
    const isTooMany = maxConnectionsPerAddress > 0 && ofClient >= maxConnectionsPerAddress
    if (isTooMany && !this.#config.trustedProxies.contains(address)) return false
    this.#open++
    this.#ofClient.set(client, ofClient + 1)
    socket.once('close', () => this.#closed(client))
    return true
  }

  #closed(client: string): void {
    this.#open--
    const left = this.#ofClient.get(client)! - 1
    if (left > 0) this.#ofClient.set(client, left)
    else this.#ofClient.delete(client)
  }
}

/** An IPv4 address, or the network of an IPv6 address that its owner has all the addresses of (RFC 6177 §2). */
export function clientOf(address: string): string {
  const plain = withoutMapping(address)
  if (!isIPv6(plain)) return plain
  // Both halves of `::` in full: the first four groups are the network.
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...behind].slice(0, 4).join(':')
}
