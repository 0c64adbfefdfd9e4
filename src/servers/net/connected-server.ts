import type { Socket } from 'node:net'
import type { Failure } from '../../xmpp/link.js'
import type { LocalPorts, TakenPort } from './local-ports.js'
import type { ServerState } from './server-states.js'

export class ConnectedServer {
  /** Host and port. */
  readonly name: string
  readonly #state: ServerState | undefined
  readonly #ports: LocalPorts | undefined
  readonly #socket: Socket
  #port: TakenPort | undefined

  constructor(name: string, state: ServerState | undefined, ports: LocalPorts | undefined, socket: Socket) {
    this.name = name
    this.#state = state
    this.#ports = ports
    this.#socket = socket
  }

  opened(): void {
    this.#state?.opened()
    this.#port = this.#ports?.take(this.#socket)
  }

  closed(): void {
    this.#state?.closed()
    if (this.#port !== undefined) this.#ports!.release(this.#port)
    this.#port = undefined
  }

  reached(): void {
    this.#state?.reached()
  }

  failed(failure: Failure, domain: string): void {
    this.#state?.failed(failure, domain)
  }

  lost(failure: Failure, domain: string): void {
    this.#state?.lost(failure, domain)
  }
}
