import { cacheAnswers } from '../lib/answer-cache.js'
import { forgetOldest } from '../lib/limits/forget-oldest.js'
import type { Failure, LinkFacts } from '../xmpp/link.js'
import { type EndpointParts, findEndpoint } from './endpoint-discovery.js'
import { type EndpointReply, readReply } from './endpoint-reply.js'
import { agentFor, type RequestOptions, sendRequest } from './http-request.js'
import { RemoteFault, unexpectedStatus } from './remote-fault.js'

/** In bytes. Parts of longer replies are dropped. */
const longestReply = 8_000_000
const mostFound = 1000
const foundSeconds = 600
const absentSeconds = 30

interface ExchangeOptions extends Pick<RequestOptions<EndpointReply>, 'signal' | 'reached' | 'onSent'> {
  readonly creates?: boolean
  /** The request uses a new connection. */
  readonly afresh?: boolean
  readonly gathered?: ((bytes: number) => void) | undefined
}

/** XEP-0124 §17.1. */
const legacyConditions: Partial<Record<number, string>> = {
  400: 'bad-request',
  403: 'policy-violation',
  404: 'item-not-found',
}

export type Endpoint = ReturnType<typeof createEndpoint>

export function createEndpoint(url: string, parts: EndpointParts) {
  const { headers = [], maxReplyBytes = longestReply } = parts
  const address = new URL(url)
  const lasting = agentFor(address, parts, 'lasting')
  const passing = agentFor(address, parts, 'passing')
  const usualHeaders = {
    ...Object.fromEntries(new Headers(headers.map(pair => [...pair]))),
    'Content-Type': 'text/xml; charset=utf-8',
    'Accept-Encoding': 'identity',
    Via: `1.1 ${parts.pseudonym}`,
  }

  return {
    url,
    host: address.host,

    /** Rejects with a `RemoteFault`. */
    async exchange(body: string, waitSeconds: number, options: ExchangeOptions = {}): Promise<EndpointReply> {
      const { creates = false, afresh = false, gathered, ...others } = options
      return await sendRequest(address, parts.clock, {
        ...others,
        method: 'POST',
        headers: { ...usualHeaders, 'Content-Length': Buffer.byteLength(body) },
        body,
        agent: afresh ? passing : lasting,
        waitSeconds,
        async read(response) {
          if (response.statusCode !== 200) throw faultOfStatus(response.statusCode ?? 0, creates)
          return await readReply(response, maxReplyBytes, gathered)
        },
      })
    },

    /** Breaks off open requests. */
    close(): void {
      lasting.destroy()
      passing.destroy()
    },
  }
}

function faultOfStatus(status: number, creates: boolean): RemoteFault {
  const cause = unexpectedStatus(status)
  const failure: Failure = { step: 'features', code: 'remote-connection-failed', cause }
  if (status >= 500) return new RemoteFault(failure, 'broke')
  const condition = legacyConditions[status]
  const detail = `HTTP ${status}: is the path of the BOSH endpoint right?`
  if (creates && status === 404) return new RemoteFault({ step: 'connect', code: 'host-unknown', cause, detail })
  if (creates && condition === undefined)
    return new RemoteFault({ step: 'features', code: 'remote-protocol-error', cause, detail })
  return condition === undefined ? new RemoteFault(failure) : new RemoteFault({ ...failure, condition }, 'ended')
}

export type Endpoints = ReturnType<typeof createEndpoints>

export function createEndpoints(parts: EndpointParts, most = mostFound) {
  const { url: named, allowsPlain } = parts.about
  const encrypted = named === undefined || named.startsWith('https:')
  const byUrl = new Map<string, Endpoint>()
  const found = cacheAnswers<string | Failure>(parts.clock, mostFound, async domain => {
    const value = await findEndpoint(domain, parts)
    return { value, seconds: typeof value === 'string' ? foundSeconds : absentSeconds }
  })
  return {
    facts: { encrypted, plainAllowed: encrypted || allowsPlain } satisfies LinkFacts,

    async of(domain: string): Promise<Endpoint> {
      const url = named ?? (await found(domain))
      if (typeof url !== 'string') throw new RemoteFault(url)
      const endpoint = byUrl.get(url) ?? createEndpoint(url, parts)
      byUrl.delete(url)
      byUrl.set(url, endpoint)
      // Its sessions keep it. Without sessions, its connections time out.
      forgetOldest(byUrl, most)
      return endpoint
    },

    close(): void {
      for (const endpoint of byUrl.values()) endpoint.close()
    },
  }
}
