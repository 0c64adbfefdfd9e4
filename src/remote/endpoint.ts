import { remembering } from '../lib/answer-cache.js'
import { forgetOldest } from '../lib/limits/forget-oldest.js'
import type { Failure, LinkFacts } from '../xmpp/link.js'
import { defaultLimits } from '../xmpp/xml/limits.js'
import { createAgent, type EndpointParts } from './agents.js'
import { findEndpoint } from './endpoint-discovery.js'
import { type EndpointReply, replyReader } from './endpoint-reply.js'
import { RemoteFault, unexpectedStatus } from './fault.js'
import { type HttpReply, type RequestOptions, sendRequest } from './http-request.js'

/** Domains and endpoints found by host-meta that are remembered, these with their connections. */
const mostFound = 1000
/** How long an endpoint is remembered, and that there is none, in seconds. */
const foundSeconds = 600
const absentSeconds = 30

type PostOptions = Pick<RequestOptions, 'signal' | 'reached' | 'gathered' | 'leaves'>

/** Most stanzas of one reply; more are left out. Each takes about 300 bytes of memory beside its text. */
const mostStanzas = 10_000

/** What endpoints that know only the protocol's first version mean by a status (XEP-0124 §17.1). */
const legacyConditions: Partial<Record<number, string>> = {
  400: 'bad-request',
  403: 'policy-violation',
  404: 'item-not-found',
}

/** Another server's BOSH endpoint, over HTTP. */
export type Endpoint = ReturnType<typeof createEndpoint>

/** Throws a `RemoteFault` where this service may not connect to the host. */
export function createEndpoint(url: string, parts: EndpointParts) {
  const { settings, clock } = parts
  const elements = { ...(parts.xmlLimits ?? defaultLimits), maxChildren: mostStanzas }
  const readReply = replyReader(elements)
  const address = new URL(url)
  const lasting = createAgent(address, parts, 'lasting')
  const passing = createAgent(address, parts, 'passing')
  // A header may be there more than once.
  const byName = new Map<string, string[]>()
  for (const [name, value] of settings.headers) {
    const key = name.toLowerCase()
    byName.set(key, [...(byName.get(key) ?? []), value])
  }
  const usualHeaders = {
    ...Object.fromEntries(byName),
    'Content-Type': 'text/xml; charset=utf-8',
    'Accept-Encoding': 'identity',
  }

  /** Posts a `<body/>` that may be held; `afresh` as kept connections may be broken. Rejects with a `RemoteFault`. */
  function post(body: string, waitSeconds: number, options: PostOptions = {}, afresh = false) {
    const limits = {
      connect: settings.connectTimeout,
      reply: waitSeconds + settings.timeout,
      maxReplyBytes: settings.maxReplyBytes,
      elements,
    }
    const headers = { ...usualHeaders, 'Content-Length': Buffer.byteLength(body) }
    const agent = afresh ? passing : lasting
    return sendRequest(address, { ...options, method: 'POST', headers, body, agent, limits, clock })
  }

  /** Throws a `RemoteFault` for another status than 200. */
  function readHttpReply({ status, body, fates }: HttpReply, creates: boolean): EndpointReply {
    if (status === 200) return readReply(body, fates)
    const cause = unexpectedStatus(status)
    const failure: Failure = { step: 'features', code: 'remote-connection-failed', cause }
    if (status >= 500) throw new RemoteFault(failure, 'broke')
    const condition = legacyConditions[status]
    if (condition === undefined) throw new RemoteFault(failure)
    // The address has no endpoint, or none for this host name.
    if (creates && status === 404) throw new RemoteFault({ step: 'connect', code: 'host-unknown', cause })
    throw new RemoteFault({ ...failure, condition }, 'ended')
  }

  return {
    /** Its public address. */
    url,
    post,

    /** Sends a request of a session, over a new connection if `afresh`, and reads the reply. Rejects with a `RemoteFault`. */
    async exchange(
      body: string,
      waitSeconds: number,
      creates: boolean,
      options: PostOptions,
      afresh = false,
    ) {
      return readHttpReply(await post(body, waitSeconds, options, afresh), creates)
    },

    /** Closes all connections, those of held requests too. */
    close(): void {
      lasting.destroy()
      passing.destroy()
    },
  }
}

/** The endpoints of one entry in the settings: the one that it names, or those that its domains publish. */
export type Endpoints = ReturnType<typeof createEndpoints>

export function createEndpoints(parts: EndpointParts) {
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
