import type { Socket } from 'node:net'
import type { Timer } from '../../lib/clock.js'
import type { ConnectedServer } from '../net/server-states.js'
import {
  type Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type ConnectionParts,
  OpenConnection,
} from './connection.js'
import { ignore, listenTo } from './socket-events.js'

/** Less than 30 s, after which some servers close idle connections. */
const mostAge = 20_000
const sweepInterval = 1_000
/** A domain gets one spare link for this number of logins a minute. */
const loginsPerSpareLink = 5
/** Includes the login's own connection. */
const mostDialsPerLogin = 2
const minute = 60_000
const fewLogins = 0.5

export interface SpareParts {
  /** Spare links for each domain. 0: off. */
  readonly most: number
  readonly hasRoom: () => boolean
}

interface Spares {
  logins: number
  countedAt: number
  readonly links: Set<SpareLink>
}

/** Spare links have TCP and TLS (unless `tls=none`), but no stream. */
export class SpareLinks {
  readonly #connections: ConnectionParts
  readonly #parts: SpareParts
  readonly #byDomain = new Map<string, Spares>()
  #sweeping: Timer | undefined
  #isClosed = false

  constructor(connections: ConnectionParts, parts: SpareParts) {
    this.#connections = connections
    this.#parts = parts
  }

  get size(): number {
    let size = 0
    for (const { links } of this.#byDomain.values()) size += links.size
    return size
  }

  /** `events` are called in a later microtask. */
  take(options: ConnectionOptions, events: ConnectionEvents): Connection | undefined {
    if (options.certificate) return undefined
    const links = this.#byDomain.get(options.domain)?.links ?? []
    // After a change of XMPP_SERVERS, a login that began before can have dialled a spare link to the old server.
    const spare = [...links].find(({ isReady, server }) => isReady && server === options.server)
    if (spare === undefined) return undefined
    spare.leave()
    let isOver = false
    queueMicrotask(() => {
      if (isOver) return
      events.onStep?.('features')
      events.onReady(spare.socket!, spare.to!, true)
    })
    const cancel = () => {
      isOver = true
      spare.drop()
    }
    return { server: spare.to!.name, cancel, timeOut: cancel }
  }

  replenish(options: ConnectionOptions, ownDials: 0 | 1): void {
    const { most, hasRoom } = this.#parts
    const { clock } = this.#connections
    if (most === 0 || this.#isClosed || options.certificate) return
    const spares = this.#byDomain.get(options.domain) ?? { logins: 0, countedAt: 0, links: new Set() }
    this.#byDomain.set(options.domain, spares)
    spares.logins = this.#loginsOf(spares) + 1
    spares.countedAt = clock.now()
    this.#sweeping ??= clock.after(sweepInterval, () => this.#sweep())
    const needed = Math.min(most, Math.round(spares.logins / loginsPerSpareLink))
    for (let dials: number = ownDials; dials < mostDialsPerLogin && spares.links.size < needed && hasRoom(); dials++)
      new SpareLink(options, this.#connections, spares)
  }

  close(): void {
    this.#isClosed = true
    this.drop()
  }

  /** Call this after a change of XMPP_SERVERS. */
  drop(): void {
    this.#sweeping?.cancel()
    this.#sweeping = undefined
    for (const { links } of this.#byDomain.values()) for (const spare of links) spare.drop()
    this.#byDomain.clear()
  }

  #loginsOf({ logins, countedAt }: Spares): number {
    return logins * Math.exp((countedAt - this.#connections.clock.now()) / minute)
  }

  #sweep(): void {
    const { clock } = this.#connections
    const oldest = this.#parts.hasRoom() ? clock.now() - mostAge : Number.POSITIVE_INFINITY
    for (const [domain, spares] of this.#byDomain) {
      for (const spare of spares.links) if (spare.since <= oldest) spare.drop()
      if (spares.links.size === 0 && this.#loginsOf(spares) < fewLogins) this.#byDomain.delete(domain)
    }
    this.#sweeping = this.#byDomain.size === 0 ? undefined : clock.after(sweepInterval, () => this.#sweep())
  }
}

class SpareLink implements ConnectionEvents {
  socket: Socket | undefined
  to: ConnectedServer | undefined
  readonly server: ConnectionOptions['server']
  readonly since: number
  readonly #spares: Spares
  readonly #connection: Connection

  constructor(options: ConnectionOptions, connections: ConnectionParts, spares: Spares) {
    this.#spares = spares
    this.server = options.server
    this.since = connections.clock.now()
    spares.links.add(this)
    this.#connection = new OpenConnection(options, connections, this)
  }

  get isReady(): boolean {
    return this.socket?.readable === true && this.socket.writable
  }

  leave(): void {
    this.#spares.links.delete(this)
  }

  drop(): void {
    this.leave()
    this.#connection.cancel()
    const { socket } = this
    this.socket = undefined
    if (socket === undefined) return
    ignore(socket)
    socket.destroySoon()
  }

  onReady(socket: Socket, to: ConnectedServer): void {
    this.socket = socket
    this.to = to
    const onFailed = () => this.onFailed()
    listenTo(socket, { onData: onFailed, onLastByte: onFailed, onBroken: onFailed })
  }

  /** The server may close idle connections early. With `logins` at 0, later logins dial fewer spare links. */
  onFailed(): void {
    this.#spares.logins = 0
    this.drop()
  }
}
