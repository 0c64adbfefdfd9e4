import type { Server, Socket } from 'node:net'
import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import type { Clock } from '../../lib/clock.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { paceEnds } from '../../lib/paced.js'
import type { Access } from '../access/client-rules.js'
import { isTrustedProxy, setPeer, unixSocketPeer } from '../access/socket-peers.js'
import { readProxyHeader } from './proxy-header-reader.js'

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

export function createConnectionLimits({ config, refused, descriptorsAreLeft, mayCall, clock }: ConnectionLimitParts) {
  const { proxyProtocol } = config.listen
  const ofClient = new KeyCounts()
  const connections = new Set<Socket>()
  const awaitingHeader = new Set<Socket>()

  /** `address` is undefined until the PROXY header arrives. */
  function hasRoom(socket: Socket, address: string | undefined, others: number): boolean {
    const { maxConnections, maxConnectionsPerAddress } = config.listen
    const isCaller = address === undefined || mayCall(address)
    const most = isCaller ? maxConnections : Math.ceil(maxConnections * (1 - shareOfCallers))
    const client = clientOf(address ?? '')
    const isTooMany = maxConnectionsPerAddress > 0 && ofClient.of(client) >= maxConnectionsPerAddress
    if (maxConnections > 0 && others >= most) refused('connections')
    else if (isTooMany && !isTrustedProxy(socket, config)) refused('connections-address', { address: client })
    else if (!descriptorsAreLeft(isCaller)) refused('descriptors')
    else return true
    return false
  }

  function admits(socket: Socket, awaitsHeader: boolean): boolean {
    const address = socket.remoteAddress
    if (address === undefined || !hasRoom(socket, awaitsHeader ? undefined : address, connections.size)) return false
    connections.add(socket)
    paceEnds(socket)
    socket.once('close', () => connections.delete(socket))
    return true
  }

  function count(socket: Socket): void {
    const client = clientOf(socket.remoteAddress ?? '')
    ofClient.add(client, 1)
    socket.once('close', () => ofClient.add(client, -1))
  }

  function readHeader(socket: Socket, then: () => void): void {
    const proxy = socket.remoteAddress ?? ''
    awaitingHeader.add(socket)
    readProxyHeader(socket, clock, header => {
      awaitingHeader.delete(socket)
      if (header === undefined) {
        refused('proxy-header', { address: clientOf(proxy) })
        socket.destroy()
        return
      }
      const { isForwarded, address = proxy } = header
      // A client without an address in the PROXY header is untrusted: it may have forged `X-Forwarded-For`.
      const isDoubtful = header.address === undefined
      if (isForwarded) setPeer(socket, { address, isTrusted: isDoubtful ? false : undefined, isForwarded })
      if (isForwarded && !hasRoom(socket, address, connections.size - 1)) socket.destroy()
      else {
        count(socket)
        then()
      }
    })
  }

  return {
    /** TCP and Unix sockets, including those below TLS. */
    connections: connections as ReadonlySet<Socket>,
    /** Refuses connections before the server's listeners set them up. */
    guard(server: Server): void {
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
        if (connections.has(socket)) return proceed()
        if (isUnixSocket) setPeer(socket, unixSocketPeer)
        const awaitsHeader = proxyProtocol && isTrustedProxy(socket, config)
        if (!admits(socket, awaitsHeader)) socket.destroy()
        else if (awaitsHeader) readHeader(socket, proceed)
        else {
          count(socket)
          proceed()
        }
      })
    },
    closeAwaitingHeader(): void {
      for (const socket of awaitingHeader) socket.destroy()
    },
  }
}
