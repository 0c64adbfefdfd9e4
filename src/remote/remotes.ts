import type { Logger } from 'pino'
import type { Config, RemoteEndpoint } from '../config/config.js'
import { isElsewhere, remoteOf } from '../config/serving.js'
import type { Counts } from '../counts.js'
import { Problem } from '../errors.js'
import type { HandedOut } from '../handed-out.js'
import { withULabels } from '../jid/domains.js'
import type { Clock } from '../lib/clock.js'
import type { Failure, Link, LinkEvents, LinkOptions } from '../link.js'
import { codeOf } from '../log.js'
import type { TlsRules } from '../net/tls-context.js'
import type { Opening, OpenWish } from '../session/sessions.js'
import { idOf } from '../session/sid.js'
import type { AgentParts } from './agents.js'
import { BoshLink, type BoshLinkParts } from './bosh-link.js'
import type { EndpointSession } from './endpoint-session.js'
import { Endpoints } from './endpoints.js'
import { HandedOverSessions } from './handed-over.js'

export interface RemotesParts {
  readonly config: Pick<Config, 'domains' | 'servers' | 'remotes' | 'remote'>
  readonly names: AgentParts['names']
  readonly tls: TlsRules
  readonly clock: Clock
  readonly counts: Counts
  readonly log: Logger
  /** Where host-meta is asked for; 443 unless a test has its own. */
  readonly hostMetaPort?: number | undefined
}

/** The BOSH endpoints of other servers: which of them serves a domain, and what this process has open there. */
export class Remotes {
  readonly elsewhere = new HandedOverSessions()
  readonly #config: RemotesParts['config']
  readonly #parts: RemotesParts
  /** Those that have something open at an endpoint, or may have. */
  readonly #sessions = new Set<EndpointSession>()
  /** Of the logins that are going on whose pages will talk to the endpoint themselves. */
  readonly #openings = new Set<BoshLink>()
  /** By their entry in the settings. */
  readonly #endpoints = new Map<RemoteEndpoint, Endpoints>()
  #isStopping = false

  constructor(parts: RemotesParts) {
    this.#parts = parts
    this.#config = parts.config
  }

  /** Sessions and logins that have something open at an endpoint. */
  get size(): number {
    return this.#sessions.size
  }

  /** Opens a link to a domain's server over the endpoint that serves it; undefined where none does. */
  open(domain: string, options: LinkOptions, events: LinkEvents): Link | undefined {
    const about = remoteOf(this.#config, domain)
    if (about === undefined) return undefined
    return new BoshLink(options, events, this.#linkParts(domain, about))
  }

  /**
   * Opens a session for a login whose page will talk to the endpoint itself; undefined where the domain's pages do not.
   * Throws a `Problem` while the service stops.
   */
  openThere(domain: string, wish: OpenWish, events: LinkEvents): Opening | undefined {
    const about = isElsewhere(this.#config, domain) ? remoteOf(this.#config, domain) : undefined
    if (about === undefined) return undefined
    if (this.#isStopping) throw new Problem('shutting-down', { step: 'connect' })
    const { wait, hold, ver } = wish
    const link = new BoshLink(wish, events, { ...this.#linkParts(domain, about), terms: { wait, hold, ver } })
    this.#openings.add(link)
    return {
      link,
      /** Empty before the endpoint has created the session. */
      get id() {
        return link.terms === undefined ? '' : idOf(link.terms.sid)
      },
      // What came for the page during the login is lost: the endpoint alone could keep it.
      handOut: async jid => this.#handOver(link, jid, domain),
      abandon: () => this.#abandon(link),
    }
  }

  /** Breaks off the logins that are not done, and begins no other. */
  shutDown(): void {
    this.#isStopping = true
    for (const link of this.#openings) {
      this.#abandon(link)
      link.events.onEnd({ failure: { step: 'connect', code: 'shutting-down' } })
    }
  }

  /** Closes all connections. */
  close(): void {
    for (const endpoints of this.#endpoints.values()) endpoints.close()
  }

  /** From here on the session is its page's, which goes on with it at the endpoint. */
  #handOver(link: BoshLink, jid: string, domain: string): HandedOut | undefined {
    const left = link.leave()
    if (left === undefined) return undefined
    const { session, url, terms, rid } = left
    this.#openings.delete(link)
    this.elsewhere.add(idOf(terms.sid), jid, domain, this.#parts.clock.now(), session)
    return { ...terms, rid, url, expiresIn: terms.inactivity }
  }

  #abandon(link: BoshLink): void {
    this.#openings.delete(link)
    link.abandon()
  }

  #linkParts(domain: string, about: RemoteEndpoint): BoshLinkParts {
    const endpoints = this.#endpointsOf(about)
    return {
      domain,
      endpoint: endpoints.of(domain),
      facts: endpoints.facts,
      clock: this.#parts.clock,
      open: this.#sessions,
      onFailed: this.#failed,
    }
  }

  readonly #failed = (domain: string, { step, code, cause }: Failure): void => {
    const { counts, log } = this.#parts
    counts.remoteFailures.add(step, code)
    log.debug({ domain: withULabels(domain), step, code, cause: codeOf(cause) }, 'a request failed')
  }

  #endpointsOf(about: RemoteEndpoint): Endpoints {
    let endpoints = this.#endpoints.get(about)
    if (endpoints === undefined) {
      const { tls, clock, names, hostMetaPort: port = 443 } = this.#parts
      const { remote: settings, remotes, domains } = this.#config
      // An endpoint that the operator named may have any address, as may that of a domain that they named.
      const found = about.url === undefined
      const publicOnly = found && about === remotes.get('*') && domains.includes('*')
      endpoints = new Endpoints(about, { settings, tls, clock, port, names, found, publicOnly })
      this.#endpoints.set(about, endpoints)
    }
    return endpoints
  }
}
