import type { Server, Socket } from 'node:net'
import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import { KeyCounts } from '../../lib/limits/key-counts.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import type { Access } from '../access/client-rules.js'

/** Share of connections reserved for addresses that may call the warm API. */
export const shareOfCallers = 1 / 10

export interface ConnectionLimitParts {
  readonly config: Pick<Config, 'listen' | 'trustedProxies'>
  readonly refused: OnRefused
  /** Whether a connection may take a descriptor. Without descriptors, connections would wait in the kernel's backlog. */
  readonly descriptorsAreLeft: (mayCall: boolean) => boolean
  readonly mayCall: Access
}

export function createConnectionLimits({ config, refused, descriptorsAreLeft, mayCall }: ConnectionLimitParts) {
  const { maxConnections, maxConnectionsPerAddress } = config.listen
  const ofClient = new KeyCounts()
  const connections = new Set<Socket>()

  function admits(socket: Socket): boolean {
    const address = socket.remoteAddress
    if (address === undefined) return false
    const isCaller = mayCall(address)
    const most = isCaller ? maxConnections : Math.ceil(maxConnections * (1 - shareOfCallers))
    const client = clientOf(address)
    const isTooMany = maxConnectionsPerAddress > 0 && ofClient.of(client) >= maxConnectionsPerAddress
    if (maxConnections > 0 && connections.size >= most) refused('connections')
    else if (isTooMany && !config.trustedProxies.contains(address)) refused('connections-address', { address: client })
    else if (!descriptorsAreLeft(isCaller)) refused('descriptors')
    else {
      connections.add(socket)
      ofClient.add(client, 1)
      socket.once('close', () => {
        connections.delete(socket)
        ofClient.add(client, -1)
      })
      return true
    }
    return false
  }

  return {
    /** For TLS these are the TCP sockets, which have no replies. */
    connections: connections as ReadonlySet<Socket>,
    /**
     * Replaces the server's listeners, which would set up even a refused connection. Node's `maxConnections`
     * ignores addresses.
     */
    guard(server: Server): void {
      const listeners = server.listeners('connection')
      server.removeAllListeners('connection')
      server.on('connection', (socket: Socket) => {
        // After a refused upgrade, the event is emitted again.
        if (!connections.has(socket) && !admits(socket)) socket.destroy()
        else for (const listener of listeners) listener.call(server, socket)
      })
    },
  }
}
