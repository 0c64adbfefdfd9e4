import type { Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'

/** Time for a request that is on its way, in milliseconds. */
const longestUnused = 1_000

/**
 * Closes connections that clients have opened ahead, as browsers do. Node does not count these as idle. `isUnused` is
 * true if no byte of a request has arrived.
 */
export function unusedConnections(clock: Pick<Clock, 'now'>, isUnused: (connection: Socket) => boolean) {
  let found: { readonly since: number; readonly connections: readonly Socket[] } | undefined

  /** To be called repeatedly, without new connections. Only the first call looks at all, which can be many. */
  return (all: Iterable<Socket>): void => {
    const now = clock.now()
    found ??= { since: now, connections: [...all].filter(isUnused) }
    const { since, connections } = found
    if (now - since < longestUnused) return
    for (const connection of connections) if (isUnused(connection)) connection.destroy()
  }
}
