import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { LinkEnd } from '../../xmpp/link.js'
import { otherHostIn } from '../../xmpp/stream-errors.js'
import type { ConnectedServer } from '../net/server-states.js'
import type { Target } from '../net/srv-records.js'
import {
  type Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type ConnectionParts,
  openConnection,
} from './connection.js'
import type { SpareLinks } from './spare-links.js'

const mostRedirections = 2
const usualPort = 5222
const hostAndPort = /^(?:\[([\da-f:.]{2,45})\]|([^\s:[\]<>&/@?#]{1,253}))(?::(\d{1,5}))?$/i

export interface DialingParts extends ConnectionParts {
  readonly spares?: SpareLinks | undefined
}

/** Connects a link: by a spare link if there is one, again if this is dead, and to the host that its server names. */
export class LinkDialing {
  readonly #parts: DialingParts
  readonly #events: ConnectionEvents
  #to: ConnectionOptions
  /** Undefined while the link is connected. */
  #connection: Connection | undefined
  #server: ConnectedServer | undefined
  #redirections = 0

  constructor(to: ConnectionOptions, parts: DialingParts, events: ConnectionEvents) {
    this.#to = to
    this.#parts = parts
    this.#events = events
  }

  get to(): ConnectionOptions {
    return this.#to
  }

  /** Undefined unless the link is connected. */
  get server(): ConnectedServer | undefined {
    return this.#server
  }

  /** Also of a server that is only dialled. */
  get serverName(): string | undefined {
    return this.#server?.name ?? this.#connection?.server
  }

  begin(): void {
    this.#connection = this.#parts.spares?.take(this.#to, this.#events)
    if (this.#connection === undefined) this.again()
  }

  /** Uses no spare link. */
  again(): void {
    this.#connection = openConnection(this.#to, this.#parts, this.#events)
  }

  connected(server: ConnectedServer): void {
    this.#connection = undefined
    this.#server = server
    server.state?.opened()
  }

  disconnected(): void {
    this.#server?.state?.closed()
    this.#server = undefined
  }

  /** Dials spare links for the next logins. */
  replenish(wasSpare: boolean): void {
    if (this.#redirections === 0) this.#parts.spares?.replenish(this.#to, wasSpare ? 0 : 1)
  }

  /**
   * RFC 6120 §4.9.3.19. Returns true if `again` will dial another host. Only a server that has proven its name may lead
   * elsewhere, because the link is then as safe as one to an address in the DNS: the other server must prove the same
   * name.
   */
  redirect({ failure, streamError = '' }: LinkEnd, socket: Socket | undefined): boolean {
    const isProven = socket instanceof TLSSocket && this.#to.server?.verify !== false
    if (failure.condition !== 'see-other-host' || !isProven || this.#redirections >= mostRedirections) return false
    const other = otherHost(streamError, socket.alpnProtocol === 'xmpp-client')
    if (other === undefined) return false
    this.#redirections += 1
    this.#to = { ...this.#to, other }
    return true
  }

  /** No event follows, as after `cancel`. */
  timeOut(): void {
    this.#connection?.timeOut()
  }

  cancel(): void {
    this.#connection?.cancel()
    this.#connection = undefined
  }
}

/** Reads `<see-other-host/>` (RFC 6120 §4.9.3.19). `isDirect`: the first server uses TLS without STARTTLS. */
export function otherHost(streamError: string, isDirect: boolean): Target | undefined {
  const [, address, name, port = usualPort] = hostAndPort.exec(otherHostIn(streamError) ?? '') ?? []
  const host = address ?? name
  if (host === undefined || Number(port) === 0 || Number(port) > 65_535) return undefined
  return { host, port: Number(port), tls: isDirect && Number(port) !== usualPort ? 'direct' : 'starttls' }
}
