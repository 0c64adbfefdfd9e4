import cluster from 'node:cluster'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { type Place, socketPath, written } from '../../config/kinds/listen-addresses.js'
import { ConfigError } from '../../config/load.js'
import type { Name } from '../../config/settings.js'
import { reasonAgainst } from './listen-problems.js'
import { faultOfSocket, removeStaleSocket } from './unix-sockets.js'

export interface ListenOptions {
  readonly backlog: number
  readonly ipv6Only: boolean
  readonly socketMode: number
  readonly setting: Name
  /** An open socket. */
  readonly descriptor: number | undefined
}

/** Rejects with a `ConfigError`. Node removes the file of a Unix socket at the end. */
export async function listenAt(server: Server, place: Place, options: ListenOptions): Promise<void> {
  const { backlog, ipv6Only, socketMode, setting, descriptor } = options
  const path = socketPath(place.host)
  try {
    if (descriptor !== undefined) await once(server.listen({ fd: descriptor, backlog }), 'listening')
    else if (path === undefined) await once(server.listen({ ...place, backlog, ipv6Only }), 'listening')
    else {
      // The primary removes stale sockets: a worker could remove another worker's.
      if (!cluster.isWorker) await removeStaleSocket(path)
      await once(
        withSocketMode(socketMode, () => server.listen({ path, backlog })),
        'listening',
      )
      // A default ACL of the folder overrides the umask.
      chmodSync(path, socketMode)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = path === undefined ? reasonAgainst(code) : reasonAgainstSocket(path, code)
    throw reason === undefined ? error : new ConfigError([`${setting} has ${place.host}, ${reason}`])
  }
}

/** Unix sockets that `listen` creates before it returns have this mode. */
export function withSocketMode<T>(mode: number, listen: () => T): T {
  const before = process.umask(0o777 & ~mode)
  try {
    return listen()
  } finally {
    process.umask(before)
  }
}

export function urlOf(server: Server, scheme: 'http' | 'https'): string {
  const { address: host, port } = server.address() as AddressInfo
  return `${scheme}://${written({ host, port })}`
}

function reasonAgainstSocket(path: string, code: string | undefined): string | undefined {
  const fault = faultOfSocket(path)
  if (fault !== undefined) return fault
  if (code === 'EADDRINUSE') return 'at which another program listens: stop it, or choose another path'
  return `which cannot be listened on (${code})`
}
