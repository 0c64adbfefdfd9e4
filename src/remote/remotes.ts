import type { Logger } from 'pino'
import type { Config, RemoteEndpoint } from '../config/config.js'
import { isElsewhere, remoteOf } from '../config/serving.js'
import type { Counts } from '../counts.js'
import { withULabels } from '../jid/domains.js'
import type { Clock } from '../lib/clock.js'
import { forgetOldest } from '../lib/forget-oldest.js'
import type { Failure, Link, LinkEvents, LinkFacts, LinkOptions } from '../link.js'
import { codeOf } from '../log.js'
import type { TlsRules } from '../net/tls-context.js'
import type { Upstream } from '../session/sessions.js'
import { BoshLink } from './bosh-link.js'
import { Endpoint, type EndpointParts } from './endpoint.js'
import { EndpointDiscovery } from './endpoint-discovery.js'
import { EndpointSession } from './endpoint-session.js'
import { HandedOverSessions } from './handed-over.js'
import { RemoteLogin } from './login.js'
import type { LookupParts } from './lookup.js'

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

const stopping: Failure = { step: 'connect', code: 'shutting-down' }

/** All that this process has to do with BOSH endpoints of others: which serves whom, and what is open there. */
export class Remotes {
  readonly elsewhere = new HandedOverSessions()
  readonly #config: RemotesParts['config']
  readonly #clock: Clock
  readonly #parts: RemotesParts
  readonly #links = new Set<EndpointSession>()
  readonly #logins = new Set<EndpointSession>()
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

  /** Where one login of a domain goes that is not to our own connection manager; undefined where all do. */
  upstreamOf(domain: string): Upstream | undefined {
    const about = isElsewhere(this.#config, domain) ? remoteOf(this.#config, domain) : undefined
    if (about === undefined) return undefined
    const parts = { domain, clock: this.#clock, open: this.#logins, onFailed: this.#failed }
    return new RemoteLogin({
      domain,
      begin: () => new EndpointSession({ ...parts, endpoint: this.#endpointOf(domain, about) }),
      link: factsOf(about),
      elsewhere: this.elsewhere,
      clock: this.#clock,
      refusal: () => (this.#isStopping ? stopping : undefined),
    })
  }

  /** Breaks off the logins that are not done, and begins no other. */
  shutDown(): void {
    this.#isStopping = true
    for (const session of [...this.#logins]) session.abandon()
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
