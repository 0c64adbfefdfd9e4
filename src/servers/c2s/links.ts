import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import type { Timer } from '../../lib/clock.js'
import { codeOf } from '../../lib/log.js'
import { paced } from '../../lib/paced.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import type { Link, LinkEvents, LinkOptions } from '../../xmpp/link.js'
import { SpareLinks, type SpareParts } from './spare-links.js'
import { type LinkParts, TcpLink } from './tcp-link.js'

export interface LinksParts extends Omit<LinkParts, 'spares' | 'onFailed' | 'onClosed'> {
  /** The servers are XMPP_SERVERS by domain. `*` is for all other domains. */
  readonly config: Pick<Config, 'servers'>
  readonly spare: SpareParts
  readonly log: Logger
}

/** A space is sent after one to two such periods of silence. */
const keepaliveMilliseconds = 60_000

export function createLinks(parts: LinksParts) {
  const { dialer, clock, stepSeconds, certificates, waiting, log } = parts
  const links = new Set<TcpLink>()
  const spares = new SpareLinks(parts, parts.spare)
  const linkParts: LinkParts = {
    dialer,
    clock,
    stepSeconds,
    certificates,
    spares,
    waiting,
    onFailed(domain, { step, code, cause }) {
      log.debug({ domain: withULabels(domain), step, code, cause: codeOf(cause) }, 'a link ended')
    },
    onClosed: link => links.delete(link),
  }
  let keepingAlive: Timer | undefined

  function keepAlive(): void {
    keepingAlive = clock.after(keepaliveMilliseconds, keepAlive)
    for (const link of links) paced(link, each => each.keepAlive())
  }

  keepAlive()
  return {
    spares,
    get size() {
      return links.size
    },
    open(domain: string, options: LinkOptions, events: LinkEvents): Link {
      const { servers } = parts.config
      const link = new TcpLink(domain, servers.get(domain) ?? servers.get('*'), options, events, linkParts)
      links.add(link)
      return link
    },
    stop(): void {
      keepingAlive?.cancel()
      spares.close()
    },
  }
}
