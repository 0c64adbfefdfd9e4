import type { Logger } from 'pino'
import type { Config, RemoteEndpoint } from '../config/config.js'
import { isElsewhere, remoteOf } from '../config/serving.js'
import type { Counts } from '../lib/counts.js'
import { Problem } from '../lib/errors.js'
import type { WaitingMemory } from '../lib/limits/waiting-memory.js'
import { codeOf } from '../lib/log.js'
import type { Phase } from '../lib/phase.js'
import type { StateLookup } from '../servers/net/server-states.js'
import type { OpenLogin, OpenWish } from '../session/session-types.js'
import { idOf } from '../session/sid.js'
import { withULabels } from '../xmpp/jid/domains.js'
import type { Failure, Link, LinkEvents, LinkOptions } from '../xmpp/link.js'
import { BoshLink, type BoshLinkParts } from './bosh-link.js'
import { createEndpoints, type Endpoints } from './endpoint.js'
import type { EndpointParts } from './endpoint-discovery.js'
import type { EndpointSession } from './endpoint-session.js'
import { SessionsElsewhere } from './sessions-elsewhere.js'

interface RemotesParts extends Pick<EndpointParts, 'clock' | 'names' | 'pseudonym'> {
  readonly config: Pick<Config, 'domains' | 'servers' | 'remotes' | 'remote' | 'proxies'>
  readonly counts: Counts
  readonly phase: Phase
  readonly log: Logger
  readonly waiting: WaitingMemory
  readonly states: StateLookup
  readonly onExhausted: (about: object) => void
  /** Undefined for a single process. */
  readonly processName?: string | undefined
  readonly hostMetaPort?: number | undefined
}

export function createRemotes(parts: RemotesParts) {
  const { config, clock, counts, phase, log, processName } = parts
  const elsewhere = new SessionsElsewhere(processName)
  const sessions = new Set<EndpointSession>()
  const openings = new Set<BoshLink>()
  const known = knownEndpoints(parts)

  function onFailed(domain: string, { step, code, cause }: Failure): void {
    counts.remoteFailures.add(step, code)
    if (code === 'local-ports-exhausted') parts.onExhausted({ domain: withULabels(domain) })
    log.debug({ domain: withULabels(domain), step, code, cause: codeOf(cause) }, 'a request failed')
  }

  function linkParts(domain: string, about: RemoteEndpoint, terms?: OpenWish): BoshLinkParts {
    const { facts, of } = known.of(about)
    const { waiting, states } = parts
    const stateOf = (host: string) =>
      about.url === undefined ? states.ofFound(domain, host) : states.ofEntry(domain, host)
    return { domain, endpoint: of(domain), facts, clock, waiting, open: sessions, onFailed, stateOf, terms }
  }

  function abandon(link: BoshLink): void {
    openings.delete(link)
    link.abandon()
  }

  return {
    elsewhere,

    get size() {
      return sessions.size
    },

    open(domain: string, options: LinkOptions, events: LinkEvents): Link | undefined {
      const about = remoteOf(config, domain)
      return about && new BoshLink(options, events, linkParts(domain, about))
    },

    /** Returns undefined for domains served here. Throws a `Problem` during a stop or drain. */
    openThere(domain: string, wish: OpenWish, events: LinkEvents): OpenLogin | undefined {
      const about = isElsewhere(config, domain) ? remoteOf(config, domain) : undefined
      if (about === undefined) return undefined
      if (phase.has('draining')) throw new Problem('shutting-down', { step: 'connect' })
      const link = new BoshLink(wish, events, linkParts(domain, about, wish))
      openings.add(link)
      return {
        link,
        get id() {
          return link.terms === undefined ? '' : idOf(link.terms.sid, processName)
        },
        /** Lets the page attach at the endpoint. Stanzas that arrived during the login are lost. */
        async handOver(jid) {
          const given = link.giveToPage()
          if (given === undefined) return undefined
          const { session, url, terms, rid } = given
          openings.delete(link)
          elsewhere.add(idOf(terms.sid, processName), jid, domain, Math.round(clock.now()), session, wish.tab)
          return { ...terms, rid, url, expiresIn: terms.inactivity }
        },
        abandon: () => abandon(link),
      }
    },

    shutDown(): void {
      for (const link of openings) {
        abandon(link)
        link.events.onEnd({ failure: { step: 'connect', code: 'shutting-down' } })
      }
    },

    close: known.close,
  }
}

function knownEndpoints({ config, names, clock, pseudonym, hostMetaPort: port = 443 }: RemotesParts) {
  const known = new Map<RemoteEndpoint, Endpoints>()
  return {
    of(about: RemoteEndpoint): Endpoints {
      // Strangers may choose the domain, so its addresses must be public.
      const isFound = about.url === undefined && about === config.remotes.get('*')
      const publicOnly = isFound && config.domains.includes('*')
      const { proxies, remote } = config
      const own = { about, headers: remote.headers, proxies, clock, port, names, publicOnly, pseudonym }
      const endpoints = known.get(about) ?? createEndpoints(own)
      known.set(about, endpoints)
      return endpoints
    },
    close(): void {
      for (const endpoints of known.values()) endpoints.close()
    },
  }
}
