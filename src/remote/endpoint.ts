import { cacheAnswers } from '../lib/answer-cache.js'
import type { Timer } from '../lib/clock.js'
import { forgetOldest } from '../lib/limits/forget-oldest.js'
import type { Failure, LinkFacts } from '../xmpp/link.js'
import { agentFor, type EndpointParts } from './endpoint-agents.js'
import { findEndpoint } from './endpoint-discovery.js'
import { type EndpointReply, replyReader } from './endpoint-reply.js'
import { type HttpReply, type RequestOptions, sendRequest } from './http-request.js'
import { RemoteFault, unexpectedStatus } from './remote-fault.js'

const mostFound = 1000
const foundSeconds = 600
const absentSeconds = 30
/** A retired endpoint keeps its connections this long, because its sessions wait between two requests. */
const retiredIdleSeconds = 10

type PostOptions = Pick<RequestOptions, 'signal' | 'reached' | 'gathered' | 'onSent'>

/** Limit for a reply, because a stanza takes 300 bytes besides its text. */
const mostStanzas = 10_000

/** XEP-0124 §17.1. */
const legacyConditions: Partial<Record<number, string>> = {
  400: 'bad-request',
  403: 'policy-violation',
  404: 'item-not-found',
}

export type Endpoint = ReturnType<typeof createEndpoint>

export function createEndpoint(url: string, parts: EndpointParts) {
  const { settings, clock } = parts
  const elements = { ...parts.xmlLimits, maxChildren: mostStanzas }
  const readReply = replyReader(elements)
  const address = new URL(url)
  const lasting = agentFor(address, parts, 'lasting')
  const passing = agentFor(address, parts, 'passing')
  let openRequests = 0
  let onClosed: (() => void) | undefined
  let idleTimer: Timer | undefined
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

  /** `afresh`: the request uses a new connection. Rejects with a `RemoteFault`. */
  async function post(body: string, waitSeconds: number, options: PostOptions = {}, afresh = false) {
    const limits = {
      connect: settings.connectTimeout,
      reply: waitSeconds + settings.timeout,
      maxReplyBytes: settings.maxReplyBytes,
      elements,
    }
    const headers = { ...usualHeaders, 'Content-Length': Buffer.byteLength(body) }
    const agent = afresh ? passing : lasting
    openRequests += 1
    idleTimer?.cancel()
    try {
      return await sendRequest(address, { ...options, method: 'POST', headers, body, agent, limits, clock })
    } finally {
      openRequests -= 1
      closeIfUnused()
    }
  }

  function close(): void {
    idleTimer?.cancel()
    lasting.destroy()
    passing.destroy()
  }

  function closeIfUnused(): void {
    if (onClosed === undefined || openRequests > 0) return
    idleTimer = clock.after(retiredIdleSeconds * 1000, () => {
      close()
      onClosed!()
    })
  }

  function readHttpReply({ status, body, dropped }: HttpReply, creates: boolean): EndpointReply {
    if (status === 200) return readReply(body, dropped)
    const cause = unexpectedStatus(status)
    const failure: Failure = { step: 'features', code: 'remote-connection-failed', cause }
    if (status >= 500) throw new RemoteFault(failure, 'broke')
    const condition = legacyConditions[status]
    const detail = `HTTP ${status}: is the path of the BOSH endpoint right?`
    if (creates && status === 404) throw new RemoteFault({ step: 'connect', code: 'host-unknown', cause, detail })
    if (creates && condition === undefined)
      throw new RemoteFault({ step: 'features', code: 'remote-protocol-error', cause, detail })
    if (condition === undefined) throw new RemoteFault(failure)
    throw new RemoteFault({ ...failure, condition }, 'ended')
  }

  return {
    url,
    host: address.host,
    post,

    async exchange(body: string, waitSeconds: number, creates: boolean, options: PostOptions, afresh: boolean) {
      return readHttpReply(await post(body, waitSeconds, options, afresh), creates)
    },

    /** Its sessions can go on. Connections close if unused for 10 s, then calls `whenClosed`. */
    retire(whenClosed: () => void): void {
      onClosed = whenClosed
      closeIfUnused()
    },

    /** Breaks off open requests. */
    close,
  }
}

export type Endpoints = ReturnType<typeof createEndpoints>

export function createEndpoints(parts: EndpointParts, most = mostFound) {
  const { url: named, allowsPlain } = parts.about
  const encrypted = named === undefined || named.startsWith('https:')
  const byUrl = new Map<string, Endpoint>()
  const retired = new Set<Endpoint>()
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
      const oldest = forgetOldest(byUrl, most)
      if (oldest !== undefined) {
        retired.add(oldest)
        oldest.retire(() => retired.delete(oldest))
      }
      return endpoint
    },

    close(): void {
      for (const endpoint of [...byUrl.values(), ...retired]) endpoint.close()
    },
  }
}
