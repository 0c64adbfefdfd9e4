// WebSockets that land at another process than the one that has their sessions.

import { anyTaker } from '../../processes/exchanges/takers.js'
import type { ExchangeEvents, Nodes } from '../../processes/nodes.js'
import { CarriedChannel } from './carried-channel.js'
import { CarriedSocket } from './carried-socket.js'
import type { Channel } from './channel.js'
import type { SocketChannel } from './socket-channel.js'

/** What exchanges are called that carry a WebSocket. */
const kind = 'websocket'

/** What the process has to know that a WebSocket is carried to. */
export interface CarriedClient {
  /** What its stream is for. */
  readonly wants: 'session' | 'login'
  readonly address: string
  readonly isSecure: boolean
  /** Whether a probe can find out what has arrived. */
  readonly isProbed?: boolean
  /** The address over TLS that it is sent to without TLS, as far as that is known. */
  readonly secureUrl: string | undefined
  /** Where it has opened its stream already, and comes with its credentials. */
  readonly before?: LoginBefore
}

/** How far a client has come at the process where it landed. */
export interface LoginBefore {
  /** That its stream was opened to. */
  readonly domain: string
  /** How many logins have failed on it. */
  readonly failures: number
}

/** An endpoint, as far as clients are carried to it. */
export interface CarriedEndpoint {
  /** Begins a client's stream, or goes on with it: the credentials are there where it has been opened before. */
  begin(channel: Channel, client: CarriedClient, credentials: Buffer): void
  /** Hears of what was not foreseen while a client was heard; its channel has been closed. */
  report(error: unknown): void
}

/** Carries WebSockets from the process where they land to the one that they want. */
export class SocketCarriage {
  readonly #nodes: Nodes
  /** By the places of the endpoints, which are the same in all processes. */
  readonly #endpoints = new Map<string, CarriedEndpoint>()
  readonly #carried = new Set<CarriedSocket>()

  constructor(nodes: Nodes) {
    this.#nodes = nodes
    nodes.meet(kind, ({ head, body }, exchange) => {
      const { place, ...client } = head as CarriedClient & { readonly place: string }
      const endpoint = this.#endpoints.get(place)
      if (endpoint === undefined) {
        // The other process has other settings.
        exchange.cancel()
        return inert
      }
      const channel = new CarriedChannel(exchange, client, endpoint.report)
      exchange.took(body.length)
      endpoint.begin(channel, client, body)
      return channel
    })
  }

  /** How many WebSockets of this process are carried to others. */
  get size(): number {
    return this.#carried.size
  }

  /** Takes clients in that another process carries to the endpoint at this place. */
  serve(place: string, endpoint: CarriedEndpoint): void {
    this.#endpoints.set(place, endpoint)
  }

  /** Whether there is another process of this name. */
  reaches(node: string): boolean {
    return node !== this.#nodes.self && this.#nodes.has(node)
  }

  /** One of the other processes that take new sessions; undefined where there is none. */
  taker(): string | undefined {
    return anyTaker(this.#nodes)
  }

  /** Carries what comes over a channel, the client's credentials before that, to the endpoint at this place in another process. */
  carry(node: string, place: string, channel: SocketChannel, client: CarriedClient, credentials = ''): void {
    const socket: CarriedSocket = new CarriedSocket(channel, {
      open: events => this.#nodes.open(node, kind, { ...client, place }, credentials, events),
      isAnswered: client.before !== undefined,
      onOver: () => this.#carried.delete(socket),
    })
    this.#carried.add(socket)
  }

  /** Lets go of the clients whose sessions are other processes': this one is being stopped. */
  shutDown(): void {
    for (const socket of this.#carried) socket.shutDown()
  }
}

const inert: ExchangeEvents = { onMessage() {}, onEnd() {} }
