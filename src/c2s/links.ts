import type { Clock, Timer } from '../clock.js'
import type { Server } from '../config/config.js'
import { defaultLimits } from '../xml/scanner.js'
import { Link, type LinkEvents } from './link.js'
import type { TlsRules } from './starttls.js'
import type { StreamOptions } from './stream-header.js'

/** Domains without a configured server that are remembered, so that each keeps its TLS context. */
const mostDefaults = 1000

export interface LinksParts {
  /** By XMPP domain; a domain without an entry is itself its server. */
  readonly servers: ReadonlyMap<string, Server>
  /** Silence before a space is sent, in seconds; 0 sends none. */
  readonly keepalive: number
  readonly tls: TlsRules
  readonly clock: Clock
}

/** All links of this process to XMPP servers: finds the server, keeps quiet ones open, knows how many there are. */
export class Links {
  readonly #parts: LinksParts
  readonly #open = new Set<Link>()
  readonly #defaults = new Map<string, Server>()
  #keepingAlive: Timer | undefined

  constructor(parts: LinksParts) {
    this.#parts = parts
    if (parts.keepalive > 0) this.#keepAlive()
  }

  get size(): number {
    return this.#open.size
  }

  /** Opens a link to a domain's server. */
  open(domain: string, options: StreamOptions, events: LinkEvents): Link {
    const link = new Link(this.#serverOf(domain), options, events, {
      limits: defaultLimits,
      clock: this.#parts.clock,
      tls: this.#parts.tls,
      onClosed: () => this.#open.delete(link),
    })
    this.#open.add(link)
    return link
  }

  /** Stops looking after quiet links. */
  stop(): void {
    this.#keepingAlive?.cancel()
  }

  #serverOf(domain: string): Server {
    const known = this.#parts.servers.get(domain) ?? this.#defaults.get(domain)
    if (known !== undefined) return known
    // An address as a domain is written in brackets (RFC 7622 §3.2), as a host without.
    const host = domain.replace(/^\[(.*)\]$/, '$1')
    const server: Server = {
      ...{ host, port: 5222, tls: 'starttls', plain: false, ca: undefined, verify: true },
      certificate: undefined,
    }
    if (this.#defaults.size >= mostDefaults) this.#defaults.clear()
    this.#defaults.set(domain, server)
    return server
  }

  #keepAlive(): void {
    for (const link of this.#open) link.keepAlive()
    this.#keepingAlive = this.#parts.clock.after(this.#parts.keepalive * 1000, () => this.#keepAlive())
  }
}
