import cluster from 'node:cluster'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { type Place, socketPath, written } from '../../config/kinds/listen-addresses.js'
import { ConfigError } from '../../config/load.js'
import type { Name } from '../../config/settings.js'
import { bindFailureReason } from './listen-problems.js'
import { removeStaleSocket, socketPathProblem } from './unix-sockets.js'

/** As many as `net.core.somaxconn` allows. */
const backlog = 65_535

interface ListenOptions {
  readonly ipv6Only: boolean
  readonly socketMode: number
  readonly setting: Name
  readonly descriptor: number | undefined
}

export async function listenAt(server: Server, place: Place, options: ListenOptions): Promise<void> {
  const { ipv6Only, socketMode, setting, descriptor } = options
  const path = socketPath(place.host)
  try {
    if (descriptor !== undefined) await once(server.listen({ fd: descriptor, backlog }), 'listening')
    else if (path === undefined) await once(server.listen({ ...place, backlog, ipv6Only }), 'listening')
    else {
      // A worker could remove another worker's socket.
      if (!cluster.isWorker) await removeStaleSocket(path)
      withFileMode(socketMode, () => server.listen({ path, backlog }))
      await once(server, 'listening')
      // A default ACL of the folder overrides the umask, so the mode is set again.
      chmodSync(path, socketMode)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = path === undefined ? bindFailureReason(code) : socketFailureReason(path, code)
    throw reason === undefined ? error : new ConfigError([`${setting} has ${place.host}, ${reason}`])
  }
}

/** The mode of files and Unix sockets that `create` creates synchronously. */
export function withFileMode<T>(mode: number, create: () => T): T {
  const before = process.umask(0o777 & ~mode)
  try {
    return create()
  } finally {
    process.umask(before)
  }
}

export function urlOf(server: Server, scheme: 'http' | 'https'): string {
  const { address: host, port } = server.address() as AddressInfo
  return `${scheme}://${written({ host, port })}`
}

function socketFailureReason(path: string, code: string | undefined): string | undefined {
  const fault = socketPathProblem(path)
  if (fault !== undefined) return fault
  if (code === 'EADDRINUSE') return 'at which another program listens: stop it, or choose another path'
  return `which cannot be listened on (${code})`
}
