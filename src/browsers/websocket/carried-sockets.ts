import { nodeForNewSession } from '../../processes/exchanges/ask-all.js'
import type { Nodes } from '../../processes/nodes.js'
import { CarriedChannel } from './carried-channel.js'
import { CarriedSocket } from './carried-socket.js'
import type { Channel } from './channel.js'
import type { SocketChannel } from './socket-channel.js'

const kind = 'websocket'

export interface CarriedClient {
  readonly wants: 'session' | 'login'
  readonly address: string
  readonly browser?: string | undefined
  readonly isSecure: boolean
  readonly isProbed?: boolean
  readonly secureUrl: string | undefined
  readonly before?: LoginBefore | undefined
}

export interface LoginBefore {
  readonly domain: string
  readonly failures: number
  readonly messages?: number
}

interface CarriedEndpoint {
  begin(channel: Channel, client: CarriedClient, credentials: Buffer): void
  report(error: unknown): void
}

export class CarriedSockets {
  readonly #nodes: Nodes
  readonly #endpoints = new Map<string, CarriedEndpoint>()
  readonly #carried = new Set<CarriedSocket>()

  constructor(nodes: Nodes) {
    this.#nodes = nodes
    nodes.accept(kind, ({ head, body }, exchange) => {
      const { place: site, ...client } = head as CarriedClient & { readonly place: string }
      // Undefined if the settings of the processes differ.
      const endpoint = this.#endpoints.get(site)
      const hasHeir = client.wants === 'session' && nodes.isLeaving
      if (endpoint === undefined || hasHeir) {
        exchange.cancel()
        return { onMessage() {}, onEnd() {} }
      }
      const channel = new CarriedChannel(exchange, client, endpoint.report)
      exchange.took(body.length)
      endpoint.begin(channel, client, body)
      return channel
    })
  }

  get size(): number {
    return this.#carried.size
  }

  serve(site: string, endpoint: CarriedEndpoint): void {
    this.#endpoints.set(site, endpoint)
  }

  keep(sites: ReadonlySet<string>): void {
    for (const site of this.#endpoints.keys()) if (!sites.has(site)) this.#endpoints.delete(site)
  }

  ownerOf(name: string): string | undefined {
    const owner = this.#nodes.owner(name)
    return owner === this.#nodes.self ? undefined : owner
  }

  isAwaited(name: string): boolean {
    return this.#nodes.owner(name) === undefined && this.#nodes.isAwaited(name)
  }

  whenKnown(name: string, bytes: number, then: (isKnown: boolean) => void): () => void {
    return this.#nodes.whenOwned(name, bytes, () => then(!this.isAwaited(name)))
  }

  nodeForNewSession(): string | undefined {
    return nodeForNewSession(this.#nodes)
  }

  carry(node: string, site: string, channel: SocketChannel, client: CarriedClient, credentials = ''): void {
    const socket: CarriedSocket = new CarriedSocket(channel, {
      open: events => this.#nodes.open(node, kind, { ...client, place: site }, credentials, events),
      isAnswered: client.before !== undefined,
      onOver: () => this.#carried.delete(socket),
    })
    this.#carried.add(socket)
  }

  shutDown(): void {
    for (const socket of this.#carried) socket.shutDown()
  }
}
