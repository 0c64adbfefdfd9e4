import { remembering } from '../lib/answer-cache.js'
import { forgetOldest } from '../lib/forget-oldest.js'
import type { Failure, LinkFacts } from '../link.js'
import { createEndpoint, type Endpoint } from './endpoint.js'
import { type DiscoveryParts, findEndpoint } from './endpoint-discovery.js'
import { RemoteFault } from './fault.js'

/** Domains and endpoints found by host-meta that are remembered, these with their connections. */
const mostFound = 1000
/** How long an endpoint is remembered, and that there is none, in seconds. */
const foundSeconds = 600
const absentSeconds = 30

/** The endpoints of one entry in the settings: the one that it names, or those that its domains publish. */
export type Endpoints = ReturnType<typeof createEndpoints>

export function createEndpoints(parts: DiscoveryParts) {
  const { url: named, plain } = parts.about
  const encrypted = named === undefined || named.startsWith('https:')
  const byUrl = new Map<string, Endpoint>()
  const found = remembering<string | Failure>(parts.clock, mostFound, async domain => {
    const value = await findEndpoint(domain, parts)
    return { value, seconds: typeof value === 'string' ? foundSeconds : absentSeconds }
  })
  return {
    /** What is true of the way to them; an endpoint that host-meta names is always encrypted. */
    facts: { encrypted, plainAllowed: encrypted || plain } satisfies LinkFacts,

    /** The endpoint that serves a domain. Rejects with a `RemoteFault`. */
    async of(domain: string): Promise<Endpoint> {
      const url = named ?? (await found(domain))
      if (typeof url !== 'string') throw new RemoteFault(url)
      const endpoint = byUrl.get(url) ?? createEndpoint(url, parts)
      byUrl.set(url, endpoint)
      // The connections of the oldest close by themselves when they are not used.
      forgetOldest(byUrl, mostFound)
      return endpoint
    },

    /** Closes all connections. */
    close(): void {
      for (const endpoint of byUrl.values()) endpoint.close()
    },
  }
}
