import type { Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'

/** Time for a request that is on its way, in milliseconds. */
const longestUnused = 1_000

/** Closes connections that clients have opened ahead, as browsers do. Node does not count these as idle. */
export class UnusedConnections {
  readonly #clock: Pick<Clock, 'now'>
  readonly #isUnused: (connection: Socket) => boolean
  #found: { readonly since: number; readonly connections: readonly Socket[] } | undefined

  /** `isUnused` is true if no byte of a request has arrived. */
  constructor(clock: Pick<Clock, 'now'>, isUnused: (connection: Socket) => boolean) {
    this.#clock = clock
    this.#isUnused = isUnused
  }

  /** To be called repeatedly, without new connections. Only the first call looks at all connections, which can be many. */
  close(all: Iterable<Socket>): void {
    const now = this.#clock.now()
    this.#found ??= { since: now, connections: [...all].filter(this.#isUnused) }
    const { since, connections } = this.#found
    if (now - since < longestUnused) return
    for (const connection of connections) if (this.#isUnused(connection)) connection.destroy()
  }
}
