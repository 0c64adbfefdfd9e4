import type { Logger } from 'pino'
import type { Server, Trust } from '../config/config.js'
import type { LoginWishes } from '../exchange.js'
import { withULabels } from '../jid/domains.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure, Link, LinkEvents, LinkOptions } from '../link.js'
import { codeOf } from '../log.js'
import { defaultLimits } from '../xml/scanner.js'
import type { Dialer } from './dial.js'
import type { TlsRules } from './starttls.js'
import { TcpLink } from './tcp-link.js'

/** For servers that the operator said nothing of. */
const usualTrust: Trust = { plain: false, ca: undefined, verify: true, certificate: undefined }

export interface LinksParts {
  /** By XMPP domain, `*` for those without an entry; the servers of all others are found by their names. */
  readonly servers: ReadonlyMap<string, Server>
  readonly dialer: Dialer
  /** Silence before a space is sent, in seconds; 0 sends none. */
  readonly keepalive: number
  readonly tls: TlsRules
  readonly clock: Clock
  readonly log?: Logger
}

/** All links of this process to XMPP servers: finds the server, keeps quiet ones open, knows how many there are. */
export class Links {
  readonly #parts: LinksParts
  readonly #open = new Set<TcpLink>()
  #keepingAlive: Timer | undefined

  constructor(parts: LinksParts) {
    this.#parts = parts
    if (parts.keepalive > 0) this.#keepAlive()
  }

  get size(): number {
    return this.#open.size
  }

  /** Opens a link to a domain's server; a login in this process may have wishes of its own. */
  open(domain: string, options: LinkOptions, events: LinkEvents, wishes?: LoginWishes): Link {
    const { servers, dialer } = this.#parts
    const server = servers.get(domain) ?? servers.get('*')
    const link = new TcpLink(domain, server ?? usualTrust, options, events, {
      dial: told => (server === undefined ? dialer.toDomain(domain, told) : dialer.toServer(server, told)),
      limits: defaultLimits,
      clock: this.#parts.clock,
      tls: this.#parts.tls,
      wishes,
      onFailed: this.#failed,
      onClosed: this.#closed,
    })
    this.#open.add(link)
    return link
  }

  /** Stops looking after quiet links. */
  stop(): void {
    this.#keepingAlive?.cancel()
  }

  readonly #failed = (domain: string, { step, code, cause }: Failure): void => {
    this.#parts.log?.debug({ domain: withULabels(domain), step, code, cause: codeOf(cause) }, 'a link ended')
  }

  readonly #closed = (link: TcpLink): void => {
    this.#open.delete(link)
  }

  #keepAlive(): void {
    this.#keepingAlive = this.#parts.clock.after(this.#parts.keepalive * 1000, () => this.#keepAlive())
    for (const link of this.#open) link.keepAlive()
  }
}
