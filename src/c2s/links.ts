import type { Logger } from 'pino'
import type { Server } from '../config/config.js'
import { withULabels } from '../jid/domains.js'
import type { Timer } from '../lib/clock.js'
import type { Failure, Link, LinkEvents, LinkOptions } from '../link.js'
import { codeOf } from '../log.js'
import { defaultLimits } from '../xml/limits.js'
import type { ConnectionParts } from './connection.js'
import { type LinkParts, TcpLink } from './tcp-link.js'

export interface LinksParts extends Pick<ConnectionParts, 'dialer' | 'clock' | 'tls'> {
  /** By XMPP domain, `*` for those without an entry; the servers of all others are found by their names. */
  readonly servers: ReadonlyMap<string, Server>
  /** Silence before a space is sent, in seconds; 0 sends none. */
  readonly keepalive: number
  readonly log?: Logger
}

/** All links of this process to XMPP servers: finds the server, keeps quiet ones open, knows how many there are. */
export class Links {
  readonly #parts: LinksParts
  readonly #open = new Set<TcpLink>()
  readonly #linkParts: LinkParts
  #keepingAlive: Timer | undefined

  constructor(parts: LinksParts) {
    this.#parts = parts
    this.#linkParts = {
      dialer: parts.dialer,
      clock: parts.clock,
      tls: parts.tls,
      limits: defaultLimits,
      onFailed: this.#failed,
      onClosed: link => this.#open.delete(link),
    }
    if (parts.keepalive > 0) this.#keepAlive()
  }

  get size(): number {
    return this.#open.size
  }

  /** Opens a link to a domain's server. */
  open(domain: string, options: LinkOptions, events: LinkEvents): Link {
    const { servers } = this.#parts
    const link = new TcpLink(
      domain,
      servers.get(domain) ?? servers.get('*'),
      options,
      events,
      this.#linkParts,
    )
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

  #keepAlive(): void {
    this.#keepingAlive = this.#parts.clock.after(this.#parts.keepalive * 1000, () => this.#keepAlive())
    for (const link of this.#open) link.keepAlive()
  }
}
