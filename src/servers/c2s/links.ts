import type { Logger } from 'pino'
import type { Server } from '../../config/config.js'
import type { Timer } from '../../lib/clock.js'
import { WaitingMemory } from '../../lib/limits/waiting-memory.js'
import { codeOf } from '../../lib/log.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import type { Link, LinkEvents, LinkOptions } from '../../xmpp/link.js'
import { defaultLimits, type XmlLimits } from '../../xmpp/xml/limits.js'
import type { ConnectionParts } from './connection.js'
import { type LinkParts, TcpLink } from './tcp-link.js'

export interface LinksParts extends Pick<ConnectionParts, 'dialer' | 'clock' | 'tls'> {
  /** By XMPP domain, `*` for those without an entry; the servers of all others are found by their names. */
  readonly servers: ReadonlyMap<string, Server>
  /** Silence before a space is sent, in seconds; 0 sends none. */
  readonly keepalive: number
  /** How much servers may send; the default limits unless given. */
  readonly xmlLimits?: XmlLimits
  /** Counts unfinished elements; without a limit unless given. */
  readonly waiting?: WaitingMemory
  readonly log?: Logger
}

/** All links of this process to XMPP servers: finds the server, keeps quiet ones open, knows how many there are. */
export function createLinks(given: LinksParts) {
  const {
    servers,
    keepalive,
    log,
    xmlLimits = defaultLimits,
    waiting = new WaitingMemory(),
    ...parts
  } = given
  const links = new Set<TcpLink>()
  const linkParts: LinkParts = {
    ...parts,
    limits: xmlLimits,
    waiting,
    onFailed(domain, { step, code, cause }) {
      log?.debug({ domain: withULabels(domain), step, code, cause: codeOf(cause) }, 'a link ended')
    },
    onClosed: link => links.delete(link),
  }
  let keepingAlive: Timer | undefined

  function keepAlive(): void {
    keepingAlive = parts.clock.after(keepalive * 1000, keepAlive)
    for (const link of links) link.keepAlive()
  }

  if (keepalive > 0) keepAlive()
  return {
    get size() {
      return links.size
    },
    /** Opens a link to a domain's server. */
    open(domain: string, options: LinkOptions, events: LinkEvents): Link {
      const link = new TcpLink(domain, servers.get(domain) ?? servers.get('*'), options, events, linkParts)
      links.add(link)
      return link
    },
    /** Stops looking after quiet links. */
    stop: () => keepingAlive?.cancel(),
  }
}
