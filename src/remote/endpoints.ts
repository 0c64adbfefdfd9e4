import type { RemoteEndpoint } from '../config/config.js'
import { remembering } from '../lib/answer-cache.js'
import { forgetOldest } from '../lib/forget-oldest.js'
import type { Failure, LinkFacts } from '../link.js'
import { Endpoint } from './endpoint.js'
import { type DiscoveryParts, findEndpoint } from './endpoint-discovery.js'
import { RemoteFault } from './fault.js'

/** Domains and endpoints found by host-meta that are remembered, these with their connections. */
const mostFound = 1000
/** How long an endpoint is remembered, and that there is none, in seconds. */
const foundSeconds = 600
const absentSeconds = 30

/** The endpoints of one entry in the settings: the one that it names, or those that its domains publish. */
export class Endpoints {
  /** What is true of the way to them; an endpoint that host-meta names is always encrypted. */
  readonly facts: LinkFacts
  readonly #about: RemoteEndpoint
  readonly #parts: DiscoveryParts
  readonly #found: (domain: string) => string | Failure | Promise<string | Failure>
  readonly #byUrl = new Map<string, Endpoint>()

  constructor(about: RemoteEndpoint, parts: DiscoveryParts) {
    const encrypted = about.url === undefined || about.url.startsWith('https:')
    this.facts = { encrypted, plainAllowed: encrypted || about.plain }
    this.#about = about
    this.#parts = parts
    this.#found = remembering(parts.clock, mostFound, async domain => {
      const value = await findEndpoint(domain, about, parts)
      return { value, seconds: typeof value === 'string' ? foundSeconds : absentSeconds }
    })
  }

  /** The endpoint that serves a domain. Rejects with a `RemoteFault`. */
  async of(domain: string): Promise<Endpoint> {
    const url = this.#about.url ?? (await this.#found(domain))
    if (typeof url !== 'string') throw new RemoteFault(url)
    let endpoint = this.#byUrl.get(url)
    if (endpoint === undefined) {
      endpoint = new Endpoint(url, this.#about, this.#parts)
      this.#byUrl.set(url, endpoint)
      // The connections of the oldest close by themselves when they are not used.
      forgetOldest(this.#byUrl, mostFound)
    }
    return endpoint
  }

  /** Closes all connections. */
  close(): void {
    for (const endpoint of this.#byUrl.values()) endpoint.close()
  }
}
