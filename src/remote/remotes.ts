import type { Logger } from 'pino'
import type { Config, RemoteEndpoint } from '../config/config.js'
import { isElsewhere, remoteOf } from '../config/serving.js'
import type { Counts } from '../counts.js'
import { Problem } from '../errors.js'
import { withULabels } from '../jid/domains.js'
import type { Clock } from '../lib/clock.js'
import { forgetOldest } from '../lib/forget-oldest.js'
import type { Failure, Link, LinkEvents, LinkFacts, LinkOptions } from '../link.js'
import { codeOf } from '../log.js'
import type { TlsRules } from '../net/tls-context.js'
import type { Opening, OpenWish } from '../session/sessions.js'
import { BoshLink } from './bosh-link.js'
import { Endpoint, type EndpointParts } from './endpoint.js'
import { EndpointDiscovery } from './endpoint-discovery.js'
import type { EndpointSession } from './endpoint-session.js'
import { HandedOverSessions } from './handed-over.js'
import type { LookupParts } from './lookup.js'
import { RemoteOpening } from './opening.js'

/** Endpoints found by host-meta whose connections are kept together. */
const mostFound = 1000

export interface RemotesParts {
  readonly config: Pick<Config, 'domains' | 'servers' | 'remotes' | 'remote'>
  readonly names: LookupParts['names']
  readonly tls: TlsRules
  readonly clock: Clock
  readonly counts: Counts
  readonly log: Logger
  /** Where host-meta is asked for; 443 unless a test has its own. */
  readonly hostMetaPort?: number | undefined
}

/** All that this process has to do with BOSH endpoints of others: which serves whom, and what is open there. */
export class Remotes {
  readonly elsewhere = new HandedOverSessions()
  readonly #config: RemotesParts['config']
  readonly #clock: Clock
  readonly #parts: RemotesParts
  readonly #links = new Set<EndpointSession>()
  readonly #logins = new Set<EndpointSession>()
  readonly #openings = new Set<RemoteOpening>()
  /** By address, within their entry in the settings. */
  readonly #endpoints = new Map<RemoteEndpoint, Map<string, Endpoint>>()
  readonly #hostMetas = new Map<RemoteEndpoint, EndpointDiscovery>()
  #isStopping = false

  constructor(parts: RemotesParts) {
    this.#parts = parts
    this.#config = parts.config
    this.#clock = parts.clock
  }

  /** Sessions and logins that have something open at an endpoint. */
  get size(): number {
    return this.#links.size + this.#logins.size
  }

  /** Opens a link to a domain's server over the endpoint that serves it; undefined where none does. */
  open(domain: string, options: LinkOptions, events: LinkEvents): Link | undefined {
    const about = remoteOf(this.#config, domain)
    if (about === undefined) return undefined
    const endpoint = this.#endpointOf(domain, about)
    const parts = { domain, endpoint, clock: this.#clock, open: this.#links, onFailed: this.#failed }
    return new BoshLink(options, events, { ...parts, facts: factsOf(about) })
  }

  /**
   * Opens a session for a login whose page will talk to the endpoint itself; undefined where the domain's pages do not.
   * Throws a `Problem` while the service stops.
   */
  openThere(domain: string, wish: OpenWish, events: LinkEvents): Opening | undefined {
    const about = isElsewhere(this.#config, domain) ? remoteOf(this.#config, domain) : undefined
    if (about === undefined) return undefined
    if (this.#isStopping) throw new Problem('shutting-down', { step: 'connect' })
    return new RemoteOpening(wish, events, {
      domain,
      endpoint: this.#endpointOf(domain, about),
      clock: this.#clock,
      open: this.#logins,
      onFailed: this.#failed,
      facts: factsOf(about),
      elsewhere: this.elsewhere,
      openings: this.#openings,
    })
  }

  /** Breaks off the logins that are not done, and begins no other. */
  shutDown(): void {
    this.#isStopping = true
    for (const opening of [...this.#openings]) opening.shutDown()
  }

  /** Closes all connections. */
  close(): void {
    for (const endpoints of this.#endpoints.values())
      for (const endpoint of endpoints.values()) endpoint.close()
  }

  readonly #failed = (domain: string, { step, code, cause }: Failure): void => {
    const { counts, log } = this.#parts
    counts.remoteFailures.add(step, code)
    log.debug({ domain: withULabels(domain), step, code, cause: codeOf(cause) }, 'a request failed')
  }

  async #endpointOf(domain: string, about: RemoteEndpoint): Promise<Endpoint> {
    const url = about.url ?? (await this.#hostMetaOf(about).endpointOf(domain))
    let endpoints = this.#endpoints.get(about)
    if (endpoints === undefined) {
      endpoints = new Map()
      this.#endpoints.set(about, endpoints)
    }
    let endpoint = endpoints.get(url)
    if (endpoint === undefined) {
      endpoint = new Endpoint(url, about, this.#partsFor(about))
      endpoints.set(url, endpoint)
      // Its connections close by themselves once nobody uses them.
      forgetOldest(endpoints, mostFound)
    }
    return endpoint
  }

  #hostMetaOf(about: RemoteEndpoint): EndpointDiscovery {
    let hostMeta = this.#hostMetas.get(about)
    if (hostMeta === undefined) {
      hostMeta = new EndpointDiscovery(about, {
        ...this.#partsFor(about),
        port: this.#parts.hostMetaPort ?? 443,
      })
      this.#hostMetas.set(about, hostMeta)
    }
    return hostMeta
  }

  #partsFor(about: RemoteEndpoint): EndpointParts {
    const { tls, clock, names } = this.#parts
    const { remote, remotes, domains } = this.#config
    // An endpoint that the operator named may be anywhere, as may that of a domain that they named.
    const found = about.url === undefined
    const publicOnly = found && about === remotes.get('*') && domains.includes('*')
    return { settings: remote, tls, clock, lookup: { names, found, publicOnly } }
  }
}

/** What is true of the way to an endpoint; one that host-meta tells of is always encrypted. */
function factsOf({ url, plain }: RemoteEndpoint): LinkFacts {
  const encrypted = url === undefined || url.startsWith('https:')
  return { encrypted, plainAllowed: encrypted || plain }
}
