import type { ServerOptions } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import type { Clock } from '../../lib/clock.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { paceEnds } from '../../lib/paced.js'
import type { Access } from '../access/client-rules.js'
import { isTrustedProxy, setPeer, unixSocketPeer } from '../access/socket-peers.js'
import { readProxyHeader } from './proxy-header.js'

/** In milliseconds. */
export const connectionTimes = {
  // Longer than in common proxies, which should close first.
  keepAliveTimeout: 75_000,
  // `headersTimeout` and `requestTimeout` limit the time to receive a request, not to reply.
  headersTimeout: 20_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
} satisfies ServerOptions

/** Share of the connections, reserved for addresses with access to the warm API. */
export const shareOfCallers = 1 / 10

interface ConnectionLimitParts {
  readonly config: Pick<Config, 'trustedProxies'> & {
    readonly listen: Pick<Config['listen'], 'maxConnections' | 'maxConnectionsPerAddress' | 'proxyProtocol'>
  }
  readonly refused: OnRefused
  readonly descriptorsAreLeft: (mayCall: boolean) => boolean
  readonly mayCall: Access
  readonly clock: Clock
}

export class ConnectionLimits {
  readonly #parts: ConnectionLimitParts
  readonly #ofClient = new KeyCounts()
  readonly #connections = new Set<Socket>()
  readonly #awaitingHeader = new Set<Socket>()
  readonly #headerBytes = new WeakMap<Socket, number>()

  constructor(parts: ConnectionLimitParts) {
    this.#parts = parts
  }

  /** TCP and Unix sockets, including those below TLS. */
  get connections(): ReadonlySet<Socket> {
    return this.#connections
  }

  /** Refuses connections before the server's listeners set them up. */
  guard(server: Server): void {
    const { config } = this.#parts
    const listeners = server.listeners('connection')
    let isUnixSocket = false
    server.once('listening', () => {
      const address = server.address()
      isUnixSocket = address === null || typeof address === 'string'
    })
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      const proceed = () => {
        for (const listener of listeners) listener.call(server, socket)
      }
      // After an ignored upgrade, `upgrades.ts` emits `connection` again for the same socket.
      if (this.#connections.has(socket)) return proceed()
      if (isUnixSocket) setPeer(socket, unixSocketPeer)
      const awaitsHeader = config.listen.proxyProtocol && isTrustedProxy(socket, config)
      if (!this.#admits(socket, awaitsHeader)) socket.destroy()
      else if (awaitsHeader) this.#readHeader(socket, proceed)
      else {
        this.#count(socket)
        proceed()
      }
    })
  }

  closeAwaitingHeader(): void {
    for (const socket of this.#awaitingHeader) socket.destroy()
  }

  /** True if nothing has arrived but a PROXY header, or a TLS handshake. */
  isUnused(connection: Socket): boolean {
    return connection.bytesRead <= (this.#headerBytes.get(connection) ?? 0)
  }

  #admits(socket: Socket, awaitsHeader: boolean): boolean {
    const address = socket.remoteAddress
    const others = this.#connections.size
    if (address === undefined || !this.#hasRoom(socket, awaitsHeader ? undefined : address, others)) return false
    this.#connections.add(socket)
    paceEnds(socket)
    socket.once('close', () => this.#connections.delete(socket))
    return true
  }

  /** `address` is undefined until the PROXY header arrives. */
  #hasRoom(socket: Socket, address: string | undefined, others: number): boolean {
    const { config, refused, descriptorsAreLeft, mayCall } = this.#parts
    const { maxConnections, maxConnectionsPerAddress } = config.listen
    const isCaller = address === undefined || mayCall(address)
    const most = isCaller ? maxConnections : Math.ceil(maxConnections * (1 - shareOfCallers))
    const client = clientOf(address ?? '')
    const isTooMany = maxConnectionsPerAddress > 0 && this.#ofClient.of(client) >= maxConnectionsPerAddress
    if (maxConnections > 0 && others >= most) refused('connections')
    else if (isTooMany && !isTrustedProxy(socket, config)) refused('connections-address', { address: client })
    else if (!descriptorsAreLeft(isCaller)) refused('descriptors')
    else return true
    return false
  }

  #count(socket: Socket): void {
    const client = clientOf(socket.remoteAddress ?? '')
    this.#ofClient.add(client, 1)
    socket.once('close', () => this.#ofClient.add(client, -1))
  }

  #readHeader(socket: Socket, then: () => void): void {
    const { clock, refused } = this.#parts
    const proxy = socket.remoteAddress ?? ''
    this.#awaitingHeader.add(socket)
    readProxyHeader(socket, clock, header => {
      this.#awaitingHeader.delete(socket)
      if (header === undefined) {
        refused('proxy-header', { address: clientOf(proxy) })
        socket.destroy()
        return
      }
      const { isForwarded, address = proxy, length } = header
      this.#headerBytes.set(socket, length)
      // A client without an address in the PROXY header is untrusted: it may have forged `X-Forwarded-For`.
      const isDoubtful = header.address === undefined
      if (isForwarded) setPeer(socket, { address, isTrusted: isDoubtful ? false : undefined, isForwarded })
      if (isForwarded && !this.#hasRoom(socket, address, this.#connections.size - 1)) socket.destroy()
      else {
        this.#count(socket)
        then()
      }
    })
  }
}
