import type { Socket } from 'node:net'
import type { LocalPorts, TakenPort } from './local-ports.js'
import type { ServerState } from './server-states.js'

/** The server of a connection. While the connection is open, counts it in `state` and `ports`. */
export class ConnectedServer {
  readonly #ports: LocalPorts
  readonly #socket: Socket
  #port: TakenPort | undefined

  /** `name`: host and port. */
  constructor(
    readonly name: string,
    readonly state: ServerState | undefined,
    ports: LocalPorts,
    socket: Socket,
  ) {
    this.#ports = ports
    this.#socket = socket
  }

  opened(): void {
    this.state?.opened()
    this.#port = this.#ports.take(this.#socket)
  }

  closed(): void {
    this.state?.closed()
    if (this.#port !== undefined) this.#ports.giveBack(this.#port)
    this.#port = undefined
  }
}
