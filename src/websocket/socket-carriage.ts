// WebSockets that land at another process than the one that has their sessions.
import type { Exchange, ExchangeEvents, Nodes } from '../nodes/nodes.js'
import { CarriedSocket } from './carried-socket.js'
import type { SocketChannel } from './socket-channel.js'

/** What exchanges are called that carry a WebSocket. */
const kind = 'websocket'

/** What the process has to know that a WebSocket is carried to. */
export interface CarriedClient {
  /** What its stream is for. */
  readonly wants: 'session' | 'login'
  readonly address: string
  readonly isSecure: boolean
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

/** Takes a client in whose WebSocket is at another process; its credentials are there where it has opened its stream. */
export type TakeIn = (client: CarriedClient, credentials: Buffer, exchange: Exchange) => ExchangeEvents

/** Carries WebSockets from the process where they land to the one that they want. */
export class SocketCarriage {
  readonly #nodes: Nodes
  /** By the places of the endpoints, which are the same in all processes. */
  readonly #places = new Map<string, TakeIn>()
  readonly #carried = new Set<CarriedSocket>()

  constructor(nodes: Nodes) {
    this.#nodes = nodes
    nodes.meet(kind, ({ head, body }, exchange) => {
      const { place, ...client } = head as CarriedClient & { readonly place: string }
      const takeIn = this.#places.get(place)
      if (takeIn !== undefined) return takeIn(client, body, exchange)
      // Its settings are not those of this process.
      exchange.cancel()
      return inert
    })
  }

  /** How many WebSockets of this process are carried to others. */
  get size(): number {
    return this.#carried.size
  }

  /** Takes clients in that another process carries to the endpoint at this place. */
  serve(place: string, takeIn: TakeIn): void {
    this.#places.set(place, takeIn)
  }

  /** Whether there is another process of this name. */
  reaches(node: string): boolean {
    return node !== this.#nodes.self && this.#nodes.has(node)
  }

  /** One of the other processes that take new sessions; undefined where there is none. */
  taker(): string | undefined {
    const able = this.#nodes.others.filter(({ isDraining, isSilent }) => !isDraining && !isSilent)
    return able[Math.floor(Math.random() * able.length)]?.name
  }

  /** Carries what comes over a channel, the client's credentials before that, to the endpoint at this place in another process. */
  carry(node: string, place: string, channel: SocketChannel, client: CarriedClient, credentials = ''): void {
    const open = (events: ExchangeEvents) =>
      this.#nodes.open(node, kind, { ...client, place }, credentials, events)
    const socket: CarriedSocket = new CarriedSocket(channel, open, client.before !== undefined, () =>
      this.#carried.delete(socket),
    )
    this.#carried.add(socket)
  }

  /** Lets go of the clients whose sessions are other processes': this one is being stopped. */
  shutDown(): void {
    for (const socket of this.#carried) socket.shutDown()
  }
}

const inert: ExchangeEvents = { onMessage() {}, onEnd() {} }
